# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Sets of frame numbers as inclusive, ascending, disjoint ranges: `[[from, to], ...]`."""


def add(ranges: list, first: int, last: int, count_max: int) -> None:
    """Add a range in place. Above `count_max` ranges the two nearest are joined, so the set may name more than it was given."""
    at = 0
    while at < len(ranges) and ranges[at][1] < first - 1:
        at += 1
    while at < len(ranges) and ranges[at][0] <= last + 1:
        first = min(first, ranges[at][0])
        last = max(last, ranges[at][1])
        ranges.pop(at)
    ranges.insert(at, [first, last])
    if len(ranges) > count_max:
        gaps = [ranges[i + 1][0] - ranges[i][1] for i in range(len(ranges) - 1)]
        nearest = gaps.index(min(gaps))
        ranges[nearest][1] = ranges.pop(nearest + 1)[1]


def subtract(first: int, last: int, held: list) -> list:
    """The ranges of first..last without the numbers in `held` (ascending)."""
    left = []
    for number in held:
        if first <= number <= last:
            if first < number:
                left.append([first, number - 1])
            first = number + 1
    if first <= last:
        left.append([first, last])
    return left


def is_in(ranges: list, number: int) -> bool:
    for first, last in ranges:
        if first <= number <= last:
            return True
    return False
