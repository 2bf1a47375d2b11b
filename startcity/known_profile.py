# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The profile that a person has named, or a refusal that lists the known ones; and `--profiles`, which adds a city's own to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import rich_click as click

from device_profiles import Profile, load_city_profiles
from gateway_agent.errors import ConfigError
from startcity.words import say

profiles_option = click.option(
    "--profiles",
    "profiles_folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of a city's own profiles, beside the shipped ones.",
)


def known_profile(profile_id: str, folder: Path | None) -> Profile:
    """The profile `profile_id` of the shipped ones and those in `folder`. Raises: ConfigError: there is none; ProfileError."""
    return profile_among(load_city_profiles(folder), profile_id)


def profile_among(profiles: Mapping[str, Profile], profile_id: str) -> Profile:
    """Raises: ConfigError: there is none of that id."""
    if profile_id not in profiles:
        known = ", ".join(sorted(profiles))
        raise ConfigError(say("There is no profile {profile}. Known: {known}.", profile=profile_id, known=known))
    return profiles[profile_id]
