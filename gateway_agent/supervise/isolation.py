# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""One bad item must not take its neighbours with it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_isolated(
    work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], counters: Counter[str]
) -> list[Result]:
    """`work(items)`; where that meets a programming error, each item alone, without the ones that meet it again.

    `work` must have changed nothing when it raises. Each such item is counted as `errors_of_ours`; the first is logged
    with its traceback.
    """
    try:
        return work(items)
    except Exception:
        log.exception("an error of ours; taking the %d frames one by one", len(items))
    results: list[Result] = []
    for item in items:
        try:
            results += work([item])
        except Exception:
            counters["errors_of_ours"] += 1
    return results
