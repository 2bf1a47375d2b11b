# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Runs before main.py at every start. Collecting early keeps the heap small, so Wi-Fi finds its memory."""

import gc

gc.collect()
gc.threshold(16384)
