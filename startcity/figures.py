# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Sizes, times and spans as the pages for people write them."""

from __future__ import annotations

from datetime import UTC, datetime

from startcity.words import say

_DAY_S, _YEAR_DAYS = 86_400, 365


def size(count: float) -> str:
    """Bytes, in decimal units: 999 B, 1.2 kB, 512.0 MB."""
    for unit in ("B", "kB", "MB"):
        if count < 1_000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1_000
    return f"{count:.1f} GB"


def span(seconds: float) -> str:
    """Two units at most: 45 s, 12 min, 3 h 5 min, 2 d 4 h, 120 d, 3.4 years."""
    if seconds < 120:
        return say("{seconds} s", seconds=int(seconds))
    if seconds < 2 * 3_600:
        return say("{minutes} min", minutes=int(seconds // 60))
    if seconds < _DAY_S:
        return say("{hours} h {minutes} min", hours=int(seconds // 3_600), minutes=int(seconds % 3_600 // 60))
    days = seconds / _DAY_S
    if days < 14:
        return say("{days} d {hours} h", days=int(days), hours=int(seconds % _DAY_S // 3_600))
    if days < 2 * _YEAR_DAYS:
        return say("{days} d", days=int(days))
    years = days / _YEAR_DAYS
    return say("more than 100 years") if years > 100 else say("{years} years", years=f"{years:.1f}")


def moment(unix_ms: int) -> str:
    """UTC, to the second."""
    return datetime.fromtimestamp(unix_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
