# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Hypothesis without a clock: a loaded machine must not make a right answer fail."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("startcity", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("startcity")
