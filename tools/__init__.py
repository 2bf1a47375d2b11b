# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the people who install and keep the city need: keys, files for nodes, files for gateways."""
