# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The one path down: acknowledgements, time and commands for the nodes."""
