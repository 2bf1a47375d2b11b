# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a look at a defibrillator's status light means (node_core/status_light.py). Pure. Loaded for one call every few minutes."""

UNKNOWN, OK, FAULT = 0, 1, 2
_SAMPLES_MIN = 100
_RED_SAMPLES = 3
_FLASHES_MIN = 3


def look_verdict(light, settings, samples_per_s):
    """The verdict with a cabinet's settings."""
    paces = settings["blink_ms_min"], settings["blink_ms_max"]
    return verdict(light, *paces, settings["watch_s"] * samples_per_s, settings.get("steady_green_ok", False))


def verdict(light, blink_ms_min, blink_ms_max, expected, steady_green_ok):
    """(UNKNOWN, OK or FAULT; what was seen). An even green blinking is well within these periods.

    `expected`: how many samples a look has. `steady_green_ok`: this model says ready by a green light that never goes out; of any other a
    steady green may as well be a lamp outside.
    """
    if light.samples < _SAMPLES_MIN:
        return UNKNOWN, "not looked at"
    if light.red >= _RED_SAMPLES:
        return FAULT, "red"
    if light.red:
        return UNKNOWN, "unsure"
    if not light.green:
        return UNKNOWN, "ambient light" if light.bright * 10 > light.samples else "no light"
    # Hardly seen, or lights of another colour beside the green ones, however dim: amber is one. The edge of a flash may look like it, once.
    if light.samples * 2 < expected or light.bright > light.flashes or light.other_uv * 2 >= light.green_uv:
        return UNKNOWN, "unsure"
    if light.green * 20 >= light.samples * 19:
        if not steady_green_ok:
            return UNKNOWN, "green all the time"
        return (UNKNOWN, "unsure") if light.gaps else (OK, "green")
    if light.flashes < _FLASHES_MIN:
        return UNKNOWN, "too few flashes"
    period_ms = (light.rise_ms - light.first_ms) // (light.flashes - 1)
    if light.longest_ms * 2 > light.shortest_ms * 3 or not blink_ms_min <= period_ms <= blink_ms_max:
        return (UNKNOWN, "unsure") if light.gaps else (FAULT, "green in another pattern")
    if light.first_ms * 2 > period_ms * 3 or (light.last_ms - light.rise_ms) * 2 > period_ms * 3:
        return UNKNOWN, "unsure"  # it began or ended within the window
    return OK, "green, blinking"
