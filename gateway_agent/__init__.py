# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The gateway: bytes arrive, become readings, are sealed, kept and forwarded. `app.py` shows the whole path."""
