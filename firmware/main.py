# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node's program. Everything it does is in runtime.py."""

import runtime

runtime.main()
