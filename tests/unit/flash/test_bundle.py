# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Bundles: the same bytes each time, and nothing that was changed passes."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from gateway_agent.errors import ConfigError
from gateway_agent.wire.signer import Signer
from simulators.rom.stand_in import stand_in
from tools.flash.bundle import make_bundle, names_in, open_bundle, show_bundle
from tools.flash.download import fetch
from tools.flash.flash_fault import FlashFault
from tools.flash.micropython_image import read_image

FILES = {"boot.py": b"1", "main.py": b"2", "node_io/nvs.mpy": b"3"}


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    made = Signer.generate()
    (tmp_path / "maker.pub.pem").write_bytes(made.public_pem())
    return made


def make(path: Path, signer: Signer, files: dict[str, bytes] | None = None) -> None:
    images = [(read_image(stand_in("esp32", app_bytes=0x1000)), "https://example.org/esp32.bin")]
    applications = {"xtensawin": files if files is not None else FILES}
    make_bundle(path, signer, "city", "0.1.0", images, applications, {"climate-sht4x": b"[device]\n"})


def test_a_bundle_opens_with_its_makers_key_and_is_the_same_each_time(tmp_path: Path, signer: Signer) -> None:
    """Everything comes out as it went in; same parts and key, same bytes."""
    make(tmp_path / "a.scb", signer)
    make(tmp_path / "b.scb", signer)
    assert (tmp_path / "a.scb").read_bytes() == (tmp_path / "b.scb").read_bytes()
    opened = open_bundle(tmp_path / "a.scb", tmp_path / "maker.pub.pem")
    assert opened.applications == {"xtensawin": FILES} and opened.profiles == {"climate-sht4x": b"[device]\n"}
    assert opened.images[0].data == stand_in("esp32", app_bytes=0x1000)
    assert opened.manifest.sources == (("micropython/esp32-one-app.bin", "https://example.org/esp32.bin"),)
    assert show_bundle(tmp_path / "a.scb") == opened.manifest


def test_short_names_are_carried_for_people_and_reach_no_board(tmp_path: Path, signer: Signer) -> None:
    """The table is a part like the others, comes out as it went in, and is in no application; a bundle without one says nothing."""
    make(tmp_path / "a.scb", signer)
    assert names_in(tmp_path / "a.scb") == b""
    images = [(read_image(stand_in("esp32", app_bytes=0x1000)), "")]
    make_bundle(tmp_path / "b.scb", signer, "city", "0.1.0", images, {"xtensawin": FILES}, {}, b"runtime a7 _send\n")
    assert names_in(tmp_path / "b.scb") == b"runtime a7 _send\n"
    assert open_bundle(tmp_path / "b.scb", tmp_path / "maker.pub.pem").applications == {"xtensawin": FILES}


def test_another_key_is_refused(tmp_path: Path, signer: Signer) -> None:
    """Whoever has no maker's key makes no bundle that a bench takes."""
    make(tmp_path / "a.scb", Signer.generate())
    with pytest.raises(FlashFault) as caught:
        open_bundle(tmp_path / "a.scb", tmp_path / "maker.pub.pem")
    assert (caught.value.name, caught.value.exit_code) == ("bundle_signature", 17)


@pytest.mark.parametrize("change", ["content", "missing", "more", "profile"])
def test_a_part_that_was_changed_taken_or_added_is_found(tmp_path: Path, signer: Signer, change: str) -> None:
    """By name, before anything of it is used."""
    make(tmp_path / "a.scb", signer)
    with zipfile.ZipFile(tmp_path / "a.scb") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    part = {
        "content": "application/xtensawin/main.py",
        "missing": "application/xtensawin/boot.py",
        "more": "../../etc/passwd",
        "profile": "profiles/climate-sht4x/profile.toml",
    }[change]
    if change == "missing":
        del parts[part]
    else:
        parts[part] = b"X"
    with zipfile.ZipFile(tmp_path / "b.scb", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    with pytest.raises(FlashFault) as caught:
        open_bundle(tmp_path / "b.scb", tmp_path / "maker.pub.pem")
    assert caught.value.name == "bundle_changed" and part in str(caught.value)


def test_every_changed_byte_is_found_or_changes_nothing(tmp_path: Path, signer: Signer) -> None:
    """Bits of a ZIP's own records may change unseen; what comes out is then still what was signed."""
    make(tmp_path / "a.scb", signer)
    good = (tmp_path / "a.scb").read_bytes()
    wanted = open_bundle(tmp_path / "a.scb", tmp_path / "maker.pub.pem")
    for place in [*range(0, 700, 7), *range(700, len(good), 997), *range(len(good) - 600, len(good), 7)]:
        data = bytearray(good)
        data[place] ^= 0x10
        (tmp_path / "b.scb").write_bytes(data)
        try:
            assert open_bundle(tmp_path / "b.scb", tmp_path / "maker.pub.pem") == wanted, place
        except FlashFault as fault:
            assert fault.exit_code == 17, place


@pytest.mark.parametrize("data", [b"", b"PK", b"\x00" * 5000])
def test_other_files_are_no_bundle(tmp_path: Path, signer: Signer, data: bytes) -> None:
    """A named fault, never a traceback."""
    (tmp_path / "x").write_bytes(data)
    for call in (lambda: open_bundle(tmp_path / "x", tmp_path / "maker.pub.pem"), lambda: show_bundle(tmp_path / "x")):
        with pytest.raises(FlashFault) as caught:
            call()
        assert caught.value.name == "bundle_unreadable"


def test_a_name_that_cannot_stand_in_a_bundle_is_refused(tmp_path: Path, signer: Signer) -> None:
    """Nothing that could lead out of a folder."""
    with pytest.raises(ValueError, match="no name of a part"):
        make(tmp_path / "a.scb", signer, {"../main.py": b""})


def test_a_url_needs_its_pin(tmp_path: Path) -> None:
    """A path is read; a URL without a SHA-256 is refused before anything is fetched."""
    (tmp_path / "x").write_bytes(b"here")
    assert fetch(str(tmp_path / "x")).data == b"here"
    with pytest.raises(ConfigError, match="pin"):
        fetch("https://example.org/x.bin")
    with pytest.raises(ConfigError, match="pin"):
        fetch(f"file:///etc/passwd#sha256={hashlib.sha256(b'').hexdigest()}")
