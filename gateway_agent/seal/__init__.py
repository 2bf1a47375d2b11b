# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Stage 3: readings wait for the earliest deadline among them and become a signed batch."""
