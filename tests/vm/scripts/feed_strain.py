# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""For heap_in_use.py: a bridge for the strain application, some times faster than real time, with a lorry every eight seconds of its own."""

from node_io.drivers import hx711

PERIOD_US = 12_500
place = 0


def take(self, codes, ticks_us):
    """100 samples each time that the application looks, and so an event in every six looks."""
    global place
    count = min(len(codes), 100 - place % 101)
    for index in range(count):
        place += 1
        codes[index] = max(0, 9000 - abs(place % 640 - 300) * 60) + place * 7919 % 601 - 300
        ticks_us[index] = place * PERIOD_US & 0x3FFFFFFF
    if not count:
        place += 1
    return count


hx711.Hx711.take = take
