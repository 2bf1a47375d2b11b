# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Stage 2: a frame's bytes become readings, or are refused by name."""
