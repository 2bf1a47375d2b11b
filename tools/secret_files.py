# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Files and folders that only their owner may read.

A secret's file has mode 0600 from its first byte on, whatever the umask, and is replaced as a whole: after a power
cut the old or the new content is there, synced, never a part of either.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from gateway_agent.errors import ConfigError, Unavailable

# Trying again does not help here: another folder, another user or another mode does.
_NEEDS_A_PERSON = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


def make_private_folder(path: Path) -> None:
    """Make `path` (mode 0700) and what leads to it; a folder that is there keeps its mode.

    Raises:
        ConfigError: the place is not one where this user may write.
        Unavailable: the disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _refusal(f"the folder {path} cannot be made", error) from error


def write_secret(path: Path, content: bytes) -> None:
    """Replace `path` with `content`, mode 0600, synced with its folder.

    Raises:
        ConfigError: the place is not one where this user may write.
        Unavailable: the disk refuses; the old content, if any, is untouched.
    """
    _write(path, content, 0o600)


def write_public(path: Path, content: bytes) -> None:
    """Replace `path` with `content` that everyone may read, mode 0644, synced with its folder.

    Raises:
        ConfigError: the place is not one where this user may write.
        Unavailable: the disk refuses; the old content, if any, is untouched.
    """
    _write(path, content, 0o644)


def read_secret(path: Path) -> bytes:
    """The content of a secret's file.

    Raises:
        ConfigError: there is no such file, or others may read it.
        Unavailable: the disk refuses.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist") from error
    except OSError as error:
        raise _refusal(f"{path} cannot be read", error) from error
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise ConfigError(f"{path} holds a secret and others may read it (mode {mode:04o}): run `chmod 600 {path}`")
        return file.read()


def _write(path: Path, content: bytes, mode: int) -> None:
    # The process id keeps two commands at once from writing into one another's temporary file.
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)  # the umask may have taken bits that a public file needs
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise _refusal(f"{path} cannot be written", error) from error


def _refusal(what: str, error: OSError) -> ConfigError | Unavailable:
    if error.errno in _NEEDS_A_PERSON:
        return ConfigError(
            f"{what}: {error.strerror}: choose a folder that you may write, or run this as the folder's owner"
        )
    return Unavailable(f"{what}: {error.strerror}")


def sync_folder(path: Path) -> None:
    """Make what was created or renamed in a folder durable. Raises: OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
