# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The profile that a person has named, or a refusal that lists the known ones."""

from __future__ import annotations

from pathlib import Path

from device_profiles import Profile, load_city_profiles
from gateway_agent.errors import ConfigError
from startcity.words import say


def known_profile(profile_id: str, folder: Path | None) -> Profile:
    """The profile `profile_id` of the shipped ones and those in `folder`. Raises: ConfigError: there is none; ProfileError."""
    profiles = load_city_profiles(folder)
    if profile_id not in profiles:
        known = ", ".join(sorted(profiles))
        raise ConfigError(say("There is no profile {profile}. Known: {known}.", profile=profile_id, known=known))
    return profiles[profile_id]
