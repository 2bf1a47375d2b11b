# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The shipped systemd units: hardened, and asking for nothing that the programs cannot do without."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "packaging" / "systemd"
NAMES = sorted(path.name for path in UNITS.glob("*.service"))


def read(name: str) -> dict[str, list[str]]:
    """The [Service] section; a key may stand several times."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text().splitlines():
        key, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def test_the_gateways_unit_is_there() -> None:
    """The parametrised tests below have something to look at."""
    assert "startcity-gateway.service" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_hardened(name: str) -> None:
    """systemd's own rating is 2.0 or better (`--threshold` is ten times that)."""
    answer = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", str(UNITS / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-2_000:] + answer.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_watched_and_told_apart_from_a_wrong_setting(name: str) -> None:
    """Type=notify with a watchdog, started again for ever, but not after exit code 2, which a person has to mend."""
    service = read(name)
    assert service["Type"] == ["notify"]
    assert int(service["WatchdogSec"][0]) >= 10
    assert service["Restart"] == ["always"]
    assert service["RestartPreventExitStatus"] == ["2"]


def test_the_gateway_may_do_what_it_has_to() -> None:
    """The boot id and the question to the kernel about its clock stay allowed."""
    service = read("startcity-gateway.service")
    assert "ProcSubset" not in service
    assert "ProtectClock" not in service
    assert "adjtimex" in service["SystemCallFilter"]
