# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The argument of the command `configure` against the settings that the node has. Pure.

The limits are the profile's, and the gateway's to check: a node does not hold them. It refuses what would stop its application
before it starts, a setting that it does not have or a value of another type.
"""


def merged(settings: dict, wanted) -> dict:
    """The settings with `wanted` (name: value) over them. Raises: ValueError, says which and why."""
    if not isinstance(wanted, dict) or not wanted:
        raise ValueError("no settings")
    found = dict(settings)
    for name, value in wanted.items():
        if name not in settings:
            raise ValueError("unknown setting %s" % name)
        old = settings[name]
        if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(old):
            raise ValueError("setting %s has another type" % name)
        found[name] = value
    return found
