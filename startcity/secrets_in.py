# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How a password gets in: from a file, from the environment, or typed. Never from the command line, which every
user of the machine can read in `ps` and which the shell keeps in its history.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import rich_click as click

from gateway_agent.errors import ConfigError
from startcity.words import say


def read_password(file: Path | None, variable: str, prompt: str | None) -> str | None:
    """The password from `file`, else from the environment's `variable`, else typed after `prompt`; or None.

    Raises:
        ConfigError: the file cannot be read, or it is open to others.
    """
    if file is not None:
        return _from_file(file)
    if variable in os.environ:
        return os.environ[variable]
    if prompt is not None and sys.stdin.isatty():
        typed: str = click.prompt(prompt, hide_input=True, err=True)
        return typed
    return None


def _from_file(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            advice = say("{file} holds a password and others may read it: run `chmod 600 {file}`.", file=path)
            raise ConfigError(advice)
        # One newline at the end is the editor's, not the password's.
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(say("{file} cannot be read: {reason}.", file=path, reason=error)) from error
