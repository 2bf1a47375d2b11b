# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the simulators need beside them: the firmware, which only a clone of the repository has."""

from __future__ import annotations

import sys
from pathlib import Path

_FIRMWARE = Path(__file__).resolve().parents[1] / "firmware"
_NEEDS_A_PERSON = 2


def require_repository(command: str) -> None:
    """Return where `firmware/` lies beside this package, as in a clone; else say so on standard error and end with exit code 2."""
    if not _FIRMWARE.is_dir():
        print(f"{command}: needs the repository: run it from a clone", file=sys.stderr)
        sys.exit(_NEEDS_A_PERSON)
