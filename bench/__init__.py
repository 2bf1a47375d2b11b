# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Figures against peers, in one run. `python -m bench` prints one JSON line each."""
