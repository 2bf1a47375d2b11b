# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The key under which a registry keeps its roots: 32 bytes in a file of their own, mode 0600, beside the gateway's signing key.

A copy of the data folder alone (a backup, a disk sent for repair) then holds no root that anybody can use.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway_agent.errors import ConfigError, Unavailable

KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
_CHECK = b"startcity registry"


class StorageKey:
    """Seals what the registry stores. `repr` shows nothing."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def __repr__(self) -> str:
        return "StorageKey()"

    def seal_root(self, node_id: bytes, generation: int, root: bytes) -> bytes:
        """44 bytes: nonce, ciphertext, tag; bound to this node and this generation."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, root, _place(node_id, generation))

    def open_root(self, node_id: bytes, generation: int, sealed: bytes) -> bytes:
        """The root. Raises: InvalidTag: another key, another node or generation, or changed bytes."""
        return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _place(node_id, generation))

    def make_check(self) -> bytes:
        """What only this key opens: it tells a wrong key from a damaged row."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, b"", _CHECK)

    def fits(self, check: bytes) -> bool:
        """Whether this key made that check."""
        try:
            self._aead.decrypt(check[:NONCE_BYTES], check[NONCE_BYTES:], _CHECK)
        except (InvalidTag, ValueError):
            return False
        return True


def read_storage_key(path: Path) -> StorageKey | None:
    """None: there is no such file.

    Raises:
        ConfigError: others may read it, or it is no storage key.
        Unavailable: the disk refuses.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            key = file.read(KEY_BYTES + 1)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise ConfigError(f"{path}: the storage key must belong to the user that runs this") from error
    except OSError as error:
        raise Unavailable(f"the storage key {path} cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigError(f"{path} is a storage key and others may read it (mode {mode:04o}): run `chmod 600 {path}`")
    if len(key) != KEY_BYTES:
        raise ConfigError(f"{path} is no storage key ({KEY_BYTES} bytes): restore it from the backup")
    return StorageKey(key)


def make_storage_key(path: Path) -> bool:
    """Make a storage key, synced before this returns; one that is there is kept. Returns whether it is new.

    Raises:
        ConfigError: this user may not write there, or what is there is no storage key.
        Unavailable: the disk refuses.
    """
    if read_storage_key(path) is not None:
        return False
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            # Not a rename: of two commands at once one makes the key, and both use that one.
            os.link(beside, path)
        except FileExistsError:
            return False
        finally:
            beside.unlink()
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            advice = "run `startcity gateway init` once as the folder's owner, it makes what is missing"
            raise ConfigError(f"the storage key {path} cannot be made: {error.strerror}; {advice}") from error
        raise Unavailable(f"the storage key {path} cannot be made: {error.strerror}") from error
    return True


def _place(node_id: bytes, generation: int) -> bytes:
    return b"sc1 registry root" + node_id + generation.to_bytes(4, "big")
