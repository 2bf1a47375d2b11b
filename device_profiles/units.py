# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The units that may stand in a SenML record, and what to write instead of the ones that may not.

Only *primary* units are legal in a pack of version 10: a reader of RFC 8428 need not know any other.
The factors go from the unit that people think in to the primary one, so a profile can keep its
resolution: 0.01 kWh is 36,000 J.

Sources: RFC 8428 section 12.1 and RFC 8798 sections 2 and 3. Units that the registry marks as not
recommended are refused as well, with the recommended one named.
"""

from __future__ import annotations

import difflib

# RFC 8428, table 6, without those marked NOT RECOMMENDED; then RFC 8798, section 2.
_PRIMARY_TEXT = """
    m kg s A K cd mol Hz rad sr N Pa J W C V F Ohm S Wb T H Cel lm lx Bq Gy Sv kat m2 m3 m/s m/s2 m3/s W/m2 cd/m2
    bit bit/s lat lon pH dB dBW count / %RH %EL EL 1/s S/m
    B VA VAs var vars J/m kg/m3
"""
PRIMARY: frozenset[str] = frozenset(_PRIMARY_TEXT.split())

# Marked NOT RECOMMENDED in the registry: legal, but ambiguous or a scaled twin of another primary unit.
_NOT_RECOMMENDED: dict[str, tuple[str, str]] = {
    "g": ("kg", "1 g is 0.001 kg"),
    "l": ("m3", "1 l is 0.001 m3: exponent = -3 keeps whole litres"),
    "l/s": ("m3/s", "1 l/s is 0.001 m3/s"),
    "Bspl": ("dB", "the reference belongs in the measurement's text"),
    "%": ("/", "1 % is 0.01 as a ratio: exponent = -2; relative humidity is %RH, a battery's charge is %EL"),
    "1/min": ("1/s", "1/min is 1/60 1/s"),
    "beat/min": ("1/s", "1 beat/min is 1/60 1/s"),
    "beats": ("count", "1 beat is 1 count"),
    "deg": ("rad", "1 deg is pi/180 rad"),
}

# RFC 8798, table 2: the secondary registry.
_SECONDARY: dict[str, tuple[str, str]] = {
    "ms": ("s", "1 ms is 0.001 s: exponent = -3"),
    "min": ("s", "1 min is 60 s"),
    "h": ("s", "1 h is 3,600 s"),
    "MHz": ("Hz", "1 MHz is 1,000,000 Hz"),
    "kW": ("W", "1 kW is 1,000 W"),
    "kVA": ("VA", "1 kVA is 1,000 VA"),
    "kvar": ("var", "1 kvar is 1,000 var"),
    "Ah": ("C", "1 Ah is 3,600 C"),
    "Wh": ("J", "1 Wh is 3,600 J"),
    "kWh": ("J", "1 kWh is 3,600,000 J"),
    "varh": ("vars", "1 varh is 3,600 vars"),
    "kvarh": ("vars", "1 kvarh is 3,600,000 vars"),
    "kVAh": ("VAs", "1 kVAh is 3,600,000 VAs"),
    "Wh/km": ("J/m", "1 Wh/km is 3.6 J/m"),
    "KiB": ("B", "1 KiB is 1,024 B"),
    "GB": ("B", "1 GB is 1,000,000,000 B"),
    "Mbit/s": ("bit/s", "1 Mbit/s is 1,000,000 bit/s"),
    "B/s": ("bit/s", "1 B/s is 8 bit/s"),
    "MB/s": ("bit/s", "1 MB/s is 8,000,000 bit/s"),
    "mV": ("V", "1 mV is 0.001 V: exponent = -3"),
    "mA": ("A", "1 mA is 0.001 A: exponent = -3"),
    "dBm": ("dBW", "a value in dBm minus 30 is the value in dBW"),
    "ug/m3": ("kg/m3", "1 ug/m3 is 0.000000001 kg/m3: exponent = -9"),
    "mm/h": ("m/s", "1 mm/h is 1/3,600,000 m/s"),
    "m/h": ("m/s", "1 m/h is 1/3,600 m/s"),
    "ppm": ("/", "1 ppm is 0.000001 as a ratio: exponent = -6"),
    "/100": ("/", "1/100 is 0.01 as a ratio: exponent = -2"),
    "/1000": ("/", "1/1000 is 0.001 as a ratio: exponent = -3"),
    "hPa": ("Pa", "1 hPa is 100 Pa: exponent = 2"),
    "mm": ("m", "1 mm is 0.001 m: exponent = -3"),
    "cm": ("m", "1 cm is 0.01 m: exponent = -2"),
    "km": ("m", "1 km is 1,000 m"),
    "km/h": ("m/s", "1 km/h is 1/3.6 m/s"),
}

# What people write although no registry has it.
_EVERYDAY: dict[str, tuple[str, str]] = {
    "°C": ("Cel", "degrees Celsius"),
    "degC": ("Cel", "degrees Celsius"),
    "celsius": ("Cel", "degrees Celsius"),
    "bar": ("Pa", "1 bar is 100,000 Pa"),
    "mbar": ("Pa", "1 mbar is 100 Pa: exponent = 2"),
    "L": ("m3", "1 l is 0.001 m3: exponent = -3 keeps whole litres"),
    "m³": ("m3", "the registry writes powers as plain digits"),
    "um/m": ("/", "1 um/m of strain is 0.000001 as a ratio: exponent = -6"),
    "ustrain": ("/", "1 microstrain is 0.000001 as a ratio: exponent = -6"),
    "m/m": ("/", "strain is a ratio"),
    "uT": ("T", "1 uT is 0.000001 T: exponent = -6"),
    "nT": ("T", "1 nT is 0.000000001 T: exponent = -9"),
    "G": ("T", "1 G is 0.0001 T: exponent = -4"),
    "gauss": ("T", "1 G is 0.0001 T: exponent = -4"),
    "lux": ("lx", "the same unit"),
    "ohm": ("Ohm", "the registry writes it with a capital letter"),
    "bytes": ("B", "the same unit"),
    "%rh": ("%RH", "relative humidity"),
    "percent": ("/", "1 % is 0.01 as a ratio: exponent = -2"),
}


def unit_advice(unit: str) -> str | None:
    """Say what to write instead of `unit`, or None where `unit` is right as it is."""
    if unit in PRIMARY:
        return None
    for table in (_NOT_RECOMMENDED, _SECONDARY, _EVERYDAY):
        if unit in table:
            instead, why = table[unit]
            return f'write unit = "{instead}" ({why})'
    # Case is meaningful in the registry (s and S, m and M), so a near miss is only offered, never taken.
    same_letters = [known for known in sorted(PRIMARY) if known.lower() == unit.lower()]
    near = same_letters or difflib.get_close_matches(unit, sorted(PRIMARY), n=1, cutoff=0.5)
    offer = f'; did you mean "{near[0]}"?' if near else ""
    return f"use a unit of the primary SenML registry (RFC 8428, RFC 8798), or none for a plain number{offer}"
