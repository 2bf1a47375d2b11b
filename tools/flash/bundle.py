# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A bundle: everything a bench needs without a network, in one signed file.

Theory of operation
-------------------
A ZIP file, stored, sorted and without times, so that the same parts and key give the same bytes:

    manifest.cose                       COSE_Sign1, Ed25519, external_aad << ["sc1", "bundle"] >>, over
                                        { 0: 1, 1: name, 2: firmware version, 3: [[part, size, SHA-256], ...], 4: [[part, source], ...] }
    micropython/<chip>-<layout>.bin     one image a chip and layout (one-app, two-ota)
    application/<architecture>/...      the node's program, compiled
    profiles/<id>/profile.toml          the device profiles
    names.txt                           which names the compiled program has short: for people who read a crash report, not for boards

The manifest is read and proved first, then every part must be in it with its size and digest, and nothing else may be there.
Parts are read into memory and never unpacked by their names.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gateway_agent.errors import WireError
from gateway_agent.wire import cbor
from gateway_agent.wire.cose import ContentType, parse_sign1, sign1, verify_sign1
from gateway_agent.wire.signer import Signer, load_public
from tools.flash.chips import ARCHITECTURES
from tools.flash.flash_fault import FlashFault
from tools.flash.micropython_image import ImageError, MicroPythonImage, read_image
from tools.secret_files import write_public

MANIFEST, NAMES = "manifest.cose", "names.txt"
VERSION = 1
BUNDLE_BYTES_MAX = 128 << 20
MANIFEST_BYTES_MAX = 1 << 20
PARTS_MAX = 4096
_TEXT_CHARACTERS_MAX = 256
_PART = re.compile(
    r"micropython/[a-z0-9]+-(?:one-app|two-ota)\.bin"
    r"|application/[a-z0-9]+(?:/[A-Za-z0-9_]+){1,4}\.m?py"
    r"|profiles/[a-z0-9][a-z0-9-]{0,47}/profile\.toml"
    r"|names\.txt"
)
_TIME = (1980, 1, 1, 0, 0, 0)  # the first that ZIP knows
_AAD = cbor.encode(["sc1", "bundle"])


class Manifest(NamedTuple):
    name: str
    firmware: str
    parts: tuple[tuple[str, int, bytes], ...]  # name, size, SHA-256
    sources: tuple[tuple[str, str], ...]  # part, where it was fetched from
    key_id: bytes


class Bundle(NamedTuple):
    """What was proved and read."""

    manifest: Manifest
    images: tuple[MicroPythonImage, ...]
    applications: Mapping[str, Mapping[str, bytes]]
    profiles: Mapping[str, bytes]

    def write_profiles(self, folder: Path) -> None:
        """As `device_profiles.load_profiles` reads them."""
        for profile_id, content in self.profiles.items():
            (folder / profile_id).mkdir()
            (folder / profile_id / "profile.toml").write_bytes(content)


def layout_of(image: MicroPythonImage) -> str:
    return "two-ota" if image.slots >= 2 else "one-app"


def make_bundle(
    path: Path,
    signer: Signer,
    name: str,
    firmware: str,
    images: Sequence[tuple[MicroPythonImage, str]],
    applications: Mapping[str, Mapping[str, bytes]],
    profiles: Mapping[str, bytes],
    names: bytes = b"",
) -> Manifest:
    """Write a bundle; the same arguments give the same bytes. `images` come with their source, "" for a file; `names` b"": none.

    Raises:
        ValueError: two images of one chip and layout, or a part with a name that cannot stand in a bundle.
        ConfigError, Unavailable: the file cannot be written.
    """
    parts: dict[str, bytes] = {}
    sources = []
    for image, source in images:
        part = f"micropython/{image.chip.name}-{layout_of(image)}.bin"
        if part in parts:
            raise ValueError(f"two images are {part}")
        parts[part] = image.data
        if source:
            sources.append([part, source])
    for architecture, files in applications.items():
        parts.update({f"application/{architecture}/{file}": content for file, content in files.items()})
    parts.update({f"profiles/{profile_id}/profile.toml": content for profile_id, content in profiles.items()})
    if names:
        parts[NAMES] = names
    for part in parts:
        if _PART.fullmatch(part) is None:
            raise ValueError(f"{part} is no name of a part")
    rows = [[part, len(parts[part]), hashlib.sha256(parts[part]).digest()] for part in sorted(parts)]
    content = {0: VERSION, 1: name, 2: firmware, 3: rows, 4: sorted(sources)}
    manifest = sign1(ContentType.BUNDLE, _AAD, cbor.encode(content), signer, MANIFEST_BYTES_MAX)
    read_manifest(manifest)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for part, data in ((MANIFEST, manifest), *((part, parts[part]) for part in sorted(parts))):
            about = zipfile.ZipInfo(part, _TIME)
            about.external_attr = 0o644 << 16
            about.create_system = 3  # Unix, wherever it is made
            archive.writestr(about, data)
    if len(out.getvalue()) > BUNDLE_BYTES_MAX:
        raise ValueError("the bundle is larger than 128 MB")
    write_public(path, out.getvalue())
    return read_manifest(manifest)


def open_bundle(path: Path, public_key: Path) -> Bundle:
    """Prove a bundle and read it.

    Raises:
        FlashFault: bundle_unreadable, bundle_signature, bundle_changed.
        ConfigError: the public key cannot be read.
    """
    key = load_public(public_key)
    manifest_data, parts = _read_parts(path)
    manifest = _manifest_of(path, manifest_data)
    try:
        verify_sign1(parse_sign1(manifest_data, ContentType.BUNDLE, MANIFEST_BYTES_MAX), _AAD, key)
    except WireError as error:
        raise FlashFault("bundle_signature", file=path) from error
    _compare(path, manifest, parts)
    return _sorted_out(path, manifest, parts)


def show_bundle(path: Path) -> Manifest:
    """What a bundle says of itself, with every part's digest compared; who signed it is not proved."""
    manifest_data, parts = _read_parts(path)
    manifest = _manifest_of(path, manifest_data)
    _compare(path, manifest, parts)
    return manifest


def names_in(path: Path) -> bytes:
    """The table of short names, as `show_bundle` proves it; b"" where the bundle has none."""
    manifest_data, parts = _read_parts(path)
    _compare(path, _manifest_of(path, manifest_data), parts)
    return parts.get(NAMES, b"")


def read_manifest(data: bytes) -> Manifest:
    """Read what is signed; proves nothing.

    Raises:
        WireError: `Cbor...`, `Cose...`, `BundleShape`.
    """
    signed = parse_sign1(data, ContentType.BUNDLE, MANIFEST_BYTES_MAX)
    content = cbor.decode(signed.payload)
    if type(content) is not dict or content.keys() != {0, 1, 2, 3, 4} or content[0] != VERSION:
        raise WireError("BundleShape", f"a manifest of version {VERSION}")
    name, firmware, rows, sources = (content[key] for key in (1, 2, 3, 4))
    if not all(type(text) is str and len(text) <= _TEXT_CHARACTERS_MAX for text in (name, firmware)):
        raise WireError("BundleShape", "name and version as text")
    if type(rows) is not list or not 1 <= len(rows) <= PARTS_MAX or not all(_is_row(row) for row in rows):
        raise WireError("BundleShape", "parts as [name, size, SHA-256]")
    names = [row[0] for row in rows]
    if names != sorted(set(names)):
        raise WireError("BundleShape", "parts in ascending order")
    if type(sources) is not list or not all(_is_source(row, names) for row in sources):
        raise WireError("BundleShape", "sources as [part, URL]")
    parts = tuple((str(row[0]), int(row[1]), bytes(row[2])) for row in rows)
    return Manifest(name, firmware, parts, tuple((str(a), str(b)) for a, b in sources), signed.key_id)


def _is_row(row: Any) -> bool:
    return (
        type(row) is list
        and len(row) == 3
        and type(row[0]) is str
        and _PART.fullmatch(row[0]) is not None
        and type(row[1]) is int
        and 0 <= row[1] <= BUNDLE_BYTES_MAX
        and type(row[2]) is bytes
        and len(row[2]) == 32
    )


def _is_source(row: Any, names: list[str]) -> bool:
    return type(row) is list and len(row) == 2 and row[0] in names and type(row[1]) is str and len(row[1]) <= 2048


def _manifest_of(path: Path, data: bytes) -> Manifest:
    try:
        return read_manifest(data)
    except WireError as error:
        raise FlashFault("bundle_unreadable", file=path, reason=error) from error


def _read_parts(path: Path) -> tuple[bytes, dict[str, bytes]]:
    """(manifest, the other parts). The sizes are limited before anything is read."""
    try:
        if path.stat().st_size > BUNDLE_BYTES_MAX:
            raise FlashFault("bundle_unreadable", file=path, reason="larger than 128 MB")
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            is_whole = len(set(names)) == len(names) <= PARTS_MAX + 1 and MANIFEST in names
            if not is_whole or sum(entry.file_size for entry in entries) > BUNDLE_BYTES_MAX:
                raise FlashFault("bundle_unreadable", file=path, reason="no manifest, or too much in it")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise FlashFault("bundle_unreadable", file=path, reason="compressed parts")
            parts = {name: archive.read(name) for name in names}
    except OSError as error:
        raise FlashFault("bundle_unreadable", file=path, reason=error.strerror or error) from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        raise FlashFault("bundle_unreadable", file=path, reason=error) from error
    return parts.pop(MANIFEST), parts


def _compare(path: Path, manifest: Manifest, parts: Mapping[str, bytes]) -> None:
    listed = {part for part, _, _ in manifest.parts}
    for part in sorted(listed ^ parts.keys()):
        raise FlashFault("bundle_changed", file=path, part=part)
    for part, size, digest in manifest.parts:
        if len(parts[part]) != size or hashlib.sha256(parts[part]).digest() != digest:
            raise FlashFault("bundle_changed", file=path, part=part)


def _sorted_out(path: Path, manifest: Manifest, parts: Mapping[str, bytes]) -> Bundle:
    images: list[MicroPythonImage] = []
    applications: dict[str, dict[str, bytes]] = {}
    profiles: dict[str, bytes] = {}
    for part, data in parts.items():
        kind, owner, rest = (*part.split("/", 2), "", "")[:3]
        if kind == "micropython":
            try:
                image = read_image(data)
            except ImageError as error:
                raise FlashFault("wrong_image", file=part, reason=error) from error
            if owner != f"{image.chip.name}-{layout_of(image)}.bin":
                raise FlashFault("wrong_image", file=part, reason=f"it is of {image.chip.title}")
            images.append(image)
        elif kind == "application":
            applications.setdefault(owner, {})[rest] = data
        elif kind == "profiles":
            profiles[owner] = data
    missing = {image.chip.architecture for image in images} - applications.keys()
    if not images or missing or applications.keys() - set(ARCHITECTURES):
        reason = "no image, or no program for one of its chips"
        raise FlashFault("bundle_unreadable", file=path, reason=reason)
    return Bundle(manifest, tuple(images), applications, profiles)
