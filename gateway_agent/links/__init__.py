# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Stage 1: bytes arrive from the nodes, and down frames leave for them."""
