# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which nodes the gateway knows, and with which keys."""

from gateway_agent.config import Config
from gateway_agent.registry.sqlite_registry import NodeRecord, Registry

__all__ = ["NodeRecord", "Registry", "open_registry"]


def open_registry(config: Config) -> Registry:
    """The registry of a gateway. Raises: as `Registry.open`."""
    return Registry.open(config.data / "registry.sqlite", config.storage_key)
