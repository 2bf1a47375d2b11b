# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The command line, run inside the test."""

from __future__ import annotations

import stat
from pathlib import Path

from click.testing import CliRunner, Result

from startcity.root import root

ENGLISH = {"STARTCITY_LANG": "en", "STARTCITY_WIFI_PASSWORD": None, "STARTCITY_GATEWAY_CONFIG": None}


def startcity(*words: object, env: dict[str, str | None] | None = None) -> Result:
    """Run `startcity` with these words; `result.output` holds what stdout and stderr got."""
    return CliRunner().invoke(
        root, [str(word) for word in words], env={**ENGLISH, **(env or {})}, prog_name="startcity"
    )


def succeed(*words: object, env: dict[str, str | None] | None = None) -> str:
    """Run it and demand exit code 0; returns the output."""
    result = startcity(*words, env=env)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def refuse(*words: object, env: dict[str, str | None] | None = None, code: int = 2) -> str:
    """Run it and demand a refusal in plain words, without a traceback; returns the output."""
    result = startcity(*words, env=env)
    assert result.exit_code == code, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    return result.output


def mode_of(path: Path) -> str:
    """The permission bits, as `chmod` writes them."""
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"
