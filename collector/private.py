# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Files and folders that only the collector's own account may read: what people's streets report is nobody else's."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from gateway_agent.errors import ConfigError, Unavailable

FOLDER_MODE = 0o700
FILE_MODE = 0o600

_WRONG_SETTING = (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)


def make_folder(path: Path) -> None:
    """Make a folder and what it lies in. One that is there already keeps its mode: somebody chose it.

    Raises:
        OSError: the disk refuses.
    """
    for folder in reversed([path, *path.parents]):
        if not folder.is_dir():
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file, or take the others' rights to one that is there.

    Raises:
        OSError: the disk refuses.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        os.fchmod(descriptor, FILE_MODE)
    finally:
        os.close(descriptor)


def sync_directories(directory: Path, root: Path) -> None:
    """Make the names in a folder durable, and its own, up to `root`.

    Raises:
        OSError: the disk refuses.
    """
    while True:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if directory == root:
            return
        directory = directory.parent


def refused(path: Path, error: OSError) -> ConfigError | Unavailable:
    """What it is that `path`, a file of ours or the folder for them, cannot be opened or made at the start.

    A setting that is wrong stays so until a person changes it; a disk that is not well may be well again by itself. A disk that is
    read-only is the former, unless the file is there: then we have written it before.
    """
    if error.errno in _WRONG_SETTING or (error.errno == errno.EROFS and not path.is_file()):
        return ConfigError(f"{path}: {error.strerror}; name a data folder that the collector may write")
    return Unavailable(f"{path}: {error.strerror}")
