# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A small, valid profile on disk, and ways to put one mistake into it."""

from __future__ import annotations

from pathlib import Path

PROFILE = """\
# a comment with a [bracket and a "quote
[device]
id = "tank-l1"
version = 3
family = "water"
vendor = "Acme"
model = "L1"
source = "L1 datasheet C, 4.2"

[text.it]
name = "Serbatoio"
description = '''
Due righe,
[[measurement]] non è una tabella qui.
'''
[text.en]
name = "Tank"
description = "A tank"

[firmware]
app = "tank"
board = "esp32_generic"

[firmware.settings.interval_s]
default = 60
min = 1
max = 3600
unit = "s"
text_it = "Intervallo"
text_en = "Interval"

[firmware.settings.gain]
default = 1.5
text_it = "Guadagno"
text_en = "Gain"

[firmware.settings.inverted]
default = false
text_it = "Invertito"
text_en = "Inverted"

[power]
source = "battery"
cell = "Li-SOCl2 D, 3.6 V"
capacity_mah = 19000
volts = 3.6
usable_pct = 85
self_discharge_pct_year = 1
sleep_ua = 25

[calibration]
kind = "type"
date = 2026-03-01
valid_months = 24
text_it = "Contro un'asta graduata"
text_en = "Against a graduated staff"

[[commissioning]]
id = "fills"
measurement = "level"
text_it = "Versare dieci litri."
text_en = "Pour in ten litres."
within_s = 120
above = 0.5
below = 11.0
changes = true

[[commissioning]]
id = "lid-open"
measurement = "open"
text_it = "Aprire il coperchio."
text_en = "Open the lid."
within_s = 60
equals = true

[[measurement]]
name = "level"
kind = "number"
unit = "m"
exponent = -2
min = -0.15
max = 12.0
uncertainty = 0.03
lane = "trend"
deadline_s = 300
alarm_when = { above = 11.5, severity = "critical", text_it = "Trabocca", text_en = "It overflows" }
text_it = "Livello"
text_en = "Level"

[[measurement]]
name = "wave"
kind = "waveform"
unit = "m"
exponent = -3
min = -1.0
max = 1.0
rate_hz = 80
lane = "trend"
deadline_s = 600
text_it = "Onda"
text_en = "Wave"

[[measurement]]
name = "open"
kind = "boolean"
lane = "record"
deadline_s = 5
alarm_when = { equals = true }
text_it = "Aperto"
text_en = "Open"
"""

CAPTURES = """\
[[capture]]
name = "half full"
raw = "01 f4"
expect = { level = 500 }

[[capture]]
name = "the probe is unplugged"
raw = "ffff"
error = "no echo"
"""


def write_profile(folder: Path, profile: str = PROFILE, captures: str | None = CAPTURES, name: str = "tank-l1") -> Path:
    """Write one device below `folder`; returns the path of its profile.toml."""
    device = folder / name
    device.mkdir(parents=True, exist_ok=True)
    (device / "profile.toml").write_text(profile, encoding="utf-8")
    (device / "source.md").write_text("L1 data sheet C, section 4.2. Captures are computed.\n", encoding="utf-8")
    if captures is not None:
        (device / "captures.toml").write_text(captures, encoding="utf-8")
    return device / "profile.toml"


def line_of(text: str, part: str) -> int:
    """The line, from 1, in which `part` stands for the first time."""
    return text[: text.index(part)].count("\n") + 1
