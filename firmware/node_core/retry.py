# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""When to try again: doubling waits with jitter, so that a city of nodes never acts in step."""


def wait_ms(tries: int, first_ms: int, most_ms: int, random_16: int) -> int:
    """The wait before the next try, +-25 %. `tries` is how many have failed; `random_16` is 0..65535."""
    wait = first_ms << min(tries, 16)
    if wait > most_ms:
        wait = most_ms
    return wait * 3 // 4 + (wait // 2 * random_16 >> 16)
