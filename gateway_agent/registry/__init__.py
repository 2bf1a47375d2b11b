# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which nodes the gateway knows, and with which keys."""

from gateway_agent.registry.sqlite_registry import NodeRecord, Registry

__all__ = ["NodeRecord", "Registry"]
