# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Published vectors of CBOR, COSE and SenML, from the test data folder."""

from __future__ import annotations

import base64
import json
import math
import os
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from gateway_agent.errors import WireError
from gateway_agent.wire import cbor, cose, headers, senml_resolve
from gateway_agent.wire.signer import Signer

REPO = Path(__file__).parents[3]
DATA = (REPO / os.environ.get("STARTCITY_TEST_DATA", "../shared/data")).resolve()

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"The folder of test data {DATA} is absent; set STARTCITY_TEST_DATA to try these vectors."
)


def load(path: str) -> Any:
    return json.loads((DATA / path).read_text(encoding="utf-8-sig"))


# Rows of RFC 8949, appendix A that our profile refuses, by the error that it names.
OUTSIDE_PROFILE = {
    "CborReserved": "bignums, simple values, tags other than 4, keys that are no text and no integer",
    "CborNan": "NaN and infinities",
    "CborIndefinite": "indefinite lengths",
    "CborNotShortest": "NaN and infinities in longer forms",
}


def test_cbor_appendix_a() -> None:
    """Each item of RFC 8949, appendix A is read and written as printed there, or is outside our profile."""
    accepted = 0
    for row in load("cbor/appendix_a.json"):
        if row["hex"] == "f818":  # simple(24): not well-formed since RFC 8949
            continue
        raw = bytes.fromhex(row["hex"])
        try:
            value = cbor.decode(raw)
        except WireError as error:
            assert error.name in OUTSIDE_PROFILE, row
            assert not row["roundtrip"] or raw[0] >> 5 in (5, 6, 7) or raw[0] in (0x5F, 0x7F, 0x9F), row
            continue
        accepted += 1
        assert cbor.encode(value) == raw
        if "decoded" in row:
            expected = row["decoded"]
            assert value == expected or (isinstance(value, float) and math.isclose(value, expected)), row
    assert accepted == 50


def test_cbor_rejects_what_is_not_well_formed_or_not_deterministic() -> None:
    """All of RFC 8949, appendix F and the non-deterministic items are refused."""
    rows = load("cbor/rfc8949_not_wellformed_and_nondeterministic.json")
    wrongly_accepted = []
    for row in rows:
        try:
            cbor.decode(bytes.fromhex(row["hex"]))
        except WireError:
            continue
        wrongly_accepted.append(row)
    assert len(rows) >= 110
    assert wrongly_accepted == []


def _external(example: dict[str, Any]) -> bytes:
    part = example["input"].get("encrypted") or example["input"].get("sign0") or {}
    return bytes.fromhex(part.get("external", ""))


@pytest.mark.parametrize(
    "path", sorted((DATA / "cose/aes-ccm-examples").glob("aes-ccm-enc-*.json")), ids=lambda p: p.stem
)
def test_cose_encrypt0(path: Path) -> None:
    """A published COSE_Encrypt0 opens with what its Enc_structure says."""
    example = json.loads(path.read_text(encoding="utf-8-sig"))
    item = cbor2.loads(bytes.fromhex(example["output"]["cbor"]))
    assert item.tag == headers.ENCRYPT0_TAG
    protected, unprotected, ciphertext = item.value
    key = base64.urlsafe_b64decode(example["input"]["enveloped" if "enveloped" in example["input"] else "encrypted"][
        "recipients"][0]["key"]["k"] + "==")  # fmt: skip
    tag_length = 16 if cbor.decode(protected)[1] in (30, 31, 32, 33) else 8
    associated = cbor.encode(["Encrypt0", protected, _external(example)])
    assert associated.hex().upper() == example["intermediates"]["AAD_hex"].upper()
    plain = AESCCM(key, tag_length=tag_length).decrypt(unprotected[5], ciphertext, associated)
    assert plain.decode() == example["input"]["plaintext"]


def test_cose_sign1_ed25519() -> None:
    """The published Ed25519 signature verifies by our Sig_structure, and we make the same one."""
    example = load("cose/eddsa-examples/eddsa-sig-01.json")
    item = cbor2.loads(bytes.fromhex(example["output"]["cbor"]))
    protected, _, payload, signature = item.value
    signed = cose._to_be_signed(protected, _external(example), payload)
    assert signed.hex().upper() == example["intermediates"]["ToBeSign_hex"].upper()
    key = example["input"]["sign0"]["key"]
    public = base64.urlsafe_b64decode(key["x_b64"] + "==") if "x_b64" in key else bytes.fromhex(key["x_hex"])
    secret = base64.urlsafe_b64decode(key["d_b64"] + "==") if "d_b64" in key else bytes.fromhex(key["d_hex"])
    Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    assert Signer(Ed25519PrivateKey.from_private_bytes(secret)).sign(signed) == signature


def test_cose_sign1_with_the_old_algorithm_number_is_refused() -> None:
    """The published example names EdDSA (-8), which RFC 9864 replaced and our allow-list does not hold."""
    example = load("cose/eddsa-examples/eddsa-sig-01.json")
    with pytest.raises(WireError, match="CoseAlgorithm"):
        cose.parse_sign1(bytes.fromhex(example["output"]["cbor"]))


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) or isinstance(right, float):
        return math.isclose(left, right, rel_tol=0, abs_tol=1e-6)
    return bool(left == right)


def _assert_resolved(records: list[dict[str, Any]], expected: list[dict[str, Any]], now_s: float) -> None:
    ours = senml_resolve.resolve(records, now_s)
    expected = sorted(expected, key=lambda record: record["t"])  # the printed form of example 3 is not in order
    assert len(ours) == len(expected)
    for our, their in zip(ours, expected, strict=True):
        assert our.keys() == their.keys()
        assert all(_same(our[key], their[key]) for key in our), (our, their)


@pytest.mark.parametrize("name", ["ex1", "ex2", "ex3", "ex4", "ex5"])
def test_senml_resolves(name: str) -> None:
    """The examples of RFC 8428 resolve to the records that it prints."""
    _assert_resolved(load(f"senml/{name}.gen.json"), load(f"senml/{name}.gen.resolved.json"), 1.498780179e09)


def test_senml_cbor_resolves() -> None:
    """The CBOR example of RFC 8428 resolves to the same records as its JSON form."""
    records = cbor2.loads((DATA / "senml/ex3.gen.cbor").read_bytes())
    _assert_resolved(records, load("senml/ex3.gen.resolved.json"), 0)
