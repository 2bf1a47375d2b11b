# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node's codec on the real MicroPython VM agrees with every test vector, byte for byte and error for error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from tests.support.vm_run import ROOT, run_script

VECTORS = ROOT / "tests/vectors"


def _check(kind: str, path: Path) -> None:
    count = len(json.loads(path.read_text(encoding="utf-8"))["items"])
    assert count > 0
    assert run_script("tests/vm/scripts/vectors.py", kind, str(path)) == f"checked {count}\n"


@pytest.mark.parametrize("kind", ["cbor", "pack", "frame", "down", "keys", "waveform"])
def test_every_vector(kind: str) -> None:
    """Each good vector has its meaning and its bytes, each bad one its error name, on MicroPython too."""
    _check(kind, VECTORS / f"{kind}.json")


def test_ccm_agrees_with_openssl_at_every_length(tmp_path: Path) -> None:
    """CCM built from one CBC and one ECB call gives OpenSSL's bytes for texts and aad around each block border."""
    key = bytes(range(16))
    items = []
    for text_bytes in (0, 1, 15, 16, 17, 31, 32, 33, 255, 256, 257, 1200):
        for aad_bytes in (0, 1, 13, 14, 15, 30, 46):
            nonce = bytes([text_bytes & 255, aad_bytes, *range(11)])
            aad = bytes(aad_bytes)
            text = bytes(i * 7 & 255 for i in range(text_bytes))
            items.append(
                {
                    "name": f"{text_bytes} bytes of text, {aad_bytes} of aad",
                    "key": key.hex(),
                    "nonce": nonce.hex(),
                    "aad": aad.hex(),
                    "plaintext": text.hex(),
                    "ciphertext": AESCCM(key, tag_length=16).encrypt(nonce, text, aad).hex(),
                }
            )
    path = tmp_path / "ccm.json"
    path.write_text(json.dumps({"items": items}), encoding="utf-8")
    _check("ccm", path)


@pytest.mark.parametrize(
    ("number", "nonce", "packet_bytes", "tag_bytes", "output"),
    [
        (1, "00000003020100a0a1a2a3a4a5", 31, 8, "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"),
        (2, "00000004030201a0a1a2a3a4a5", 32, 8, "72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916"),
        (7, "00000009080706a0a1a2a3a4a5", 31, 10, "0135d1b2c95f41d5d1d4fec185d166b8094e999dfed96c048c56602c97acbb7490"),
    ],
)
def test_rfc_3610_packets(
    number: int, nonce: str, packet_bytes: int, tag_bytes: int, output: str, tmp_path: Path
) -> None:
    """Packet vectors of RFC 3610 section 8 come out byte for byte."""
    item = {
        "name": f"packet vector {number}",
        "key": bytes(range(0xC0, 0xD0)).hex(),
        "nonce": nonce,
        "aad": bytes(range(8)).hex(),
        "plaintext": bytes(range(8, packet_bytes)).hex(),
        "ciphertext": output,
        "tag_bytes": tag_bytes,
    }
    path = tmp_path / "rfc3610.json"
    path.write_text(json.dumps({"items": [item]}), encoding="utf-8")
    _check("ccm", path)


def test_cose_working_group_example(tmp_path: Path) -> None:
    """AES-CCM-ENC-02 of github.com/cose-wg/Examples (public domain) opens, and its envelope is written the same way."""
    example = {
        "name": "AES-CCM-ENC-02",
        "key": "849b57219dae48de646d07dbb533566e",
        "protected": "a101181e",
        "external": "",
        "structure": "8368456e63727970743044a101181e40",
        "plaintext": b"This is the content.".hex(),
        "envelope": "d08344a101181ea1054d89f52f65a1c580933b5261a72f58246899da0a132bd2d2b9b10915743ee1f7b92a4680903f2c00d3"
        "7e14d4ebdc7ef2c03cf5a9",
    }
    path = tmp_path / "example.json"
    path.write_text(json.dumps({"items": [example]}), encoding="utf-8")
    _check("envelope", path)
