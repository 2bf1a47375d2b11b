# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Hypothesis without a clock: a loaded machine must not make a right answer fail.

`STARTCITY_EXAMPLES` says how many examples a property gets: few here, thousands in `make proof`.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "startcity",
    max_examples=int(os.environ.get("STARTCITY_EXAMPLES", "30")),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("startcity")
