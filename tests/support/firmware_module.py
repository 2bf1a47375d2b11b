# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Loads one pure module of the firmware into CPython, under a name that cannot collide with ours."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"


def firmware_module(path: str) -> ModuleType:
    """`path` is below firmware/, for example `node_core/parking_detector.py`. The module may import nothing of ours."""
    file = FIRMWARE / path
    spec = importlib.util.spec_from_file_location("firmware_" + file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
