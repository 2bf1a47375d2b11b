# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A device is a folder: profile.toml says what it measures, captures.toml what its bytes mean. See README.md here."""

from device_profiles.city_profiles import load_city_profiles
from device_profiles.errors import ProfileError, SettingError
from device_profiles.files import find_mistakes, load_captures, load_profile, load_profiles
from device_profiles.profile import AlarmWhen, Calibration, Commissioning, Measurement, Power, Profile, Setting, Words

__all__ = [
    "AlarmWhen",
    "Calibration",
    "Commissioning",
    "Measurement",
    "Power",
    "Profile",
    "ProfileError",
    "Setting",
    "SettingError",
    "Words",
    "find_mistakes",
    "load_captures",
    "load_city_profiles",
    "load_profile",
    "load_profiles",
]
