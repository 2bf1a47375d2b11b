# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How long to wait before trying again. Pure: a random source in, milliseconds out."""

from __future__ import annotations

import random


class Backoff:
    """Doubling waits with full jitter, so that a city of gateways does not come back in one instant.

    The first wait lies between `first_from_ms` (half of `first_ms` where it is not said) and `first_ms`; later ones between
    half of and all of a bound that doubles up to `highest_ms`.
    """

    def __init__(
        self, first_ms: int, highest_ms: int, source: random.Random | None = None, *, first_from_ms: int | None = None
    ) -> None:
        self._first_ms = first_ms
        self._highest_ms = highest_ms
        self._bound_ms = first_ms
        self._first_from_ms = first_ms // 2 if first_from_ms is None else first_from_ms
        self._is_first = True
        self._source = source or random.SystemRandom()

    def next_ms(self) -> int:
        """The next wait, in milliseconds."""
        bound_ms = self._bound_ms
        self._bound_ms = min(self._highest_ms, bound_ms * 2)
        from_ms = self._first_from_ms if self._is_first else bound_ms // 2
        self._is_first = False
        return self._source.randint(from_ms, bound_ms)

    def reset(self) -> None:
        """After a success."""
        self._bound_ms = self._first_ms
        self._is_first = True
