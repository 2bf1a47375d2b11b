# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The short form of the fuzzing: vectors with random damage, the same each time for a seed. No coverage, no library."""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.fuzz.targets import Target, make_targets

SECONDS_EACH = 0.25
SLOW_S = 2.0
SEED = int(os.environ.get("STARTCITY_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
TARGETS = make_targets()


def damaged(rng: random.Random, target: Target) -> bytes:
    """One or two seeds, with one to eight defects."""
    data = bytearray(rng.choice(target.seeds))
    for _ in range(rng.randrange(1, 9)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1 if data:
                data[at % len(data)] = rng.choice(
                    (0, 1, 0x17, 0x18, 0x1B, 0x1F, 0x3B, 0x7F, 0x80, 0x9B, 0xBB, 0xC4, 0xF9, 0xFF)
                )
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 3:
                del data[at : at + rng.randrange(1, 17)]
            case 4:
                other = rng.choice(target.seeds)
                start = rng.randrange(len(other) + 1)
                data[at:at] = other[start : start + rng.randrange(64)]
            case 5:
                data[at:at] = data[at : at + rng.randrange(32)] * rng.randrange(1, 5)
            case _:
                del data[at:]
    return bytes(data[:65_537])


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_bytes_give_a_value_or_an_error_with_a_name(name: str) -> None:
    """Whatever the damage, a decoder answers with a value or its own error, in time. `STARTCITY_SEED` replays."""
    target = TARGETS[name]
    rng = random.Random(f"{SEED} {name}")
    print(f"STARTCITY_SEED={SEED}")
    for data in target.seeds:
        target.take(data)
    end_s = time.monotonic() + SECONDS_EACH
    while (now_s := time.monotonic()) < end_s:
        data = damaged(rng, target)
        try:
            target.take(data)
        except Exception as error:
            raise AssertionError(f"STARTCITY_SEED={SEED}: {name}: {data.hex()}: {error!r}") from error
        took_s = time.monotonic() - now_s
        assert took_s < SLOW_S, f"STARTCITY_SEED={SEED}: {name}: {took_s:.1f} s for {data.hex()}"
