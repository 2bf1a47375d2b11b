# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Garbage into every strict decoder: `python -m tests.fuzz` with coverage, `test_decoders.py` without."""
