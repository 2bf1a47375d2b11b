# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What several tests of the firmware share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.compiled_firmware import compile_firmware


@pytest.fixture(scope="session")
def compiled_firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware as .mpy files: a start then takes the host a tenth of a second and not a whole one."""
    return compile_firmware(tmp_path_factory.mktemp("compiled") / "node")


@pytest.fixture(scope="session")
def whole_names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its private names, for scripts that take a part's place."""
    return compile_firmware(tmp_path_factory.mktemp("whole") / "node", has_whole_names=True)
