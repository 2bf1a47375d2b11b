# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The JavaScript packages of the tests, as package-lock.json pins them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSTALL_HINT = "this test needs Node.js: run `apt-get install nodejs npm`"


def installed() -> Path:
    """`node_modules`, installed once into the user's cache."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.fail(INSTALL_HINT)
    lock = (HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "startcity" / "interop" / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder / name)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"`npm ci` in {folder} failed:\n{done.stdout}{done.stderr}"
            (folder / "complete").touch()
    return folder / "node_modules"
