# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""For heap_in_use.py: sensors that answer, some times faster than real time, where an application keeps what they have said."""

from heap_board import known_as, of

_PERIOD_US = 12_500
_FIELDS_NT = ((21_000, -4_000, 38_000), (12_000, 3_000, 45_000), (18_000, -9_000, 41_000))
place = 0


def take(self, codes, ticks_us):
    """A bridge with a lorry every eight seconds of its own: 100 samples each time that the application looks, an event in every six looks."""
    global place
    count = min(len(codes), 100 - place % 101)
    for index in range(count):
        place += 1
        codes[index] = max(0, 9000 - abs(place % 640 - 300) * 60) + place * 7919 % 601 - 300
        ticks_us[index] = place * _PERIOD_US & 0x3FFFFFFF
    if not count:
        place += 1
    return count


def read(self, sample):
    """A stall: the field changes for good every fifty samples, so that the detector keeps several explanations of it."""
    global place
    place += 1
    for axis in range(3):
        sample[axis] = _FIELDS_NT[place // 50 % 3][axis] + place * 7919 % 601 - 300
    sample[3] = 2000 + place % 7
    sample[4] = 0
    return 0


def feed(settings):
    chip = settings.get("chip")
    if chip in ("hx711", "ads1220"):
        driver = __import__(known_as("node_io.drivers." + chip), None, None, (chip,))
        converter = of(driver, chip[0].upper() + chip[1:])
        setattr(converter, known_as("take"), take)
        for name in ("start", "poll"):
            setattr(converter, known_as(name), lambda self: None)
    elif "weakest_nt" in settings:
        import apps.parking

        settings["interval_ms"] = 20
        apps.parking._WITH_SELF_TEST = ()
        driver = __import__(known_as("node_io.drivers." + chip), None, None, (chip,)).Driver
        setattr(driver, known_as("read"), read)
        setattr(driver, known_as("start"), lambda self: None)
