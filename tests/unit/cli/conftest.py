# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A gateway that has been initialised, and a vault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command_line import succeed


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    """The configuration of a fresh gateway."""
    config = tmp_path / "gw" / "gateway.toml"
    succeed("gateway", "init", "--id", "piacenza-01", "--config", config, "--nodes-broker", "192.0.2.10:1885")
    return config


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A fresh vault's folder."""
    succeed("vault", "init", tmp_path / "vault")
    return tmp_path / "vault"
