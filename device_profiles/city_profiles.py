# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The profiles that a city knows: the shipped ones, and beside them those of a folder of its own."""

from __future__ import annotations

from pathlib import Path

from device_profiles.errors import ProfileError
from device_profiles.files import PROFILE_FILE, load_profiles
from device_profiles.profile import Profile


def load_city_profiles(folder: Path | None) -> dict[str, Profile]:
    """The shipped profiles and those of `folder` (None: no own ones), by id.

    Raises:
        ProfileError: the first mistake, with file, line and key; an id that is in both, because what a node of that profile means would
            then depend on who reads it.
    """
    profiles = load_profiles()
    own = load_profiles(folder) if folder is not None else {}
    for profile_id, profile in own.items():
        shipped = profiles.get(profile_id)
        if shipped is not None and not shipped.folder.samefile(profile.folder):
            advice = f"is the id of a shipped profile too ({shipped.folder / PROFILE_FILE}): give yours another one"
            raise ProfileError(profile.folder / PROFILE_FILE, 0, "device.id", advice)
    return profiles | own
