# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`--config` of every command that works at a gateway."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import rich_click as click


def gateway_config_option(
    help_text: str = "The gateway's configuration; paths in it are relative to it.",
) -> Callable[..., Any]:
    """Gives the command an argument `config`, a path: gateway.toml where nothing is said."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("gateway.toml"),
        show_default=True,
        envvar="STARTCITY_GATEWAY_CONFIG",
        show_envvar=True,
        help=help_text,
    )


gateway_registry_option = gateway_config_option("The gateway's configuration, whose registry is used.")
