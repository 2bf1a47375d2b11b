# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A second, unlike kind of recorded bay, to see whether the detector only learnt the first (simulators/world/bay.py).

Written apart from it, before the detector's numbers were chosen: another climate (harmonics, no fronts), slopes of any sign on
any axis, an own scale of fields and of temperatures (raw units), bays without a thermometer, dipole signatures, and another packet
policy: an hourly row, changes after a debounce, hourly rows restarted by a change.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator


def rows(seed: int, days: int = 182) -> Iterator[tuple[int, float | None, tuple[float, float, float], bool]]:
    """(time_s, temperature_degc or None, field in "microtesla", occupied)."""
    dice = random.Random(f"other bay {seed}")
    scale = math.exp(dice.uniform(math.log(0.5), math.log(6)))
    warm_scale = dice.choice([1.0, 1.0, 10.0, 0.1, 1.8])
    has_thermometer = dice.random() < 0.85
    slopes = [dice.gauss(0, 0.5) * scale for _ in range(3)]
    if not has_thermometer:
        slopes = [slope * 0.05 for slope in slopes]
    heartbeat_s = dice.choice([300, 600, 900, 3600])
    restarts = dice.random() < 0.5
    debounce_s = dice.choice([2, 8, 30, 90])
    hops = dice.choice([0, 0, 1, 3])  # extra rows at each change, seconds apart
    mean_free_s = math.exp(dice.uniform(math.log(600), math.log(40 * 3600)))
    mean_parked_s = math.exp(dice.uniform(math.log(900), math.log(30 * 3600)))
    phases = [dice.uniform(0, 2 * math.pi) for _ in range(6)]
    amplitudes = [dice.uniform(3, 7), dice.uniform(1, 4), dice.uniform(0.5, 3), dice.uniform(0, 2), 2.0, 1.0]
    periods_d = [365.0, 11.3, 4.1, 1.7, 1.0, 0.5]
    amplitudes[4] = dice.uniform(1.5, 7)
    hum_ut = dice.uniform(0.01, 0.1) * scale
    pink_ut = dice.uniform(0.02, 0.25) * scale
    pink = [[0.0] * 3 for _ in range(4)]
    pink_keep = [math.exp(-heartbeat_s / tau) for tau in (1800, 7200, 86400, 10 * 86400)]
    ground = [dice.gauss(0, 20) * scale for _ in range(3)]
    strength = dice.uniform(30, 140)
    beside_until_s = [0.0, 0.0]
    beside = [[0.0] * 3, [0.0] * 3]
    moved_s = dice.uniform(0.1, 0.9) * days * 86400 if dice.random() < 0.3 else 1e18
    hole = [
        (begin := dice.uniform(0, days) * 86400, begin + dice.uniform(0.1, 8) * 86400) for _ in range(dice.randrange(4))
    ]

    def dipoles(sideways_m: float, weight: float) -> list[float]:
        total = [0.0, 0.0, 0.0]
        height_m = dice.uniform(0.4, 0.75) + (0.25 if dice.random() < 0.2 else 0)
        for along_m in (-1.2, 0.2, 1.3):
            at = (sideways_m + dice.gauss(0, 0.2), along_m + dice.gauss(0, 0.35), -height_m)
            moment = [dice.gauss(0.2, 0.35) * weight, dice.gauss(0, 0.3) * weight, dice.gauss(-0.4, 0.45) * weight]
            r2 = sum(part * part for part in at)
            r = math.sqrt(r2)
            dot = 3 * sum(a * b for a, b in zip(moment, at, strict=True)) / (r2 * r2 * r)
            for axis in range(3):
                total[axis] += 0.1 * (dot * at[axis] - moment[axis] / (r2 * r)) * scale
        return total

    def car() -> list[float]:
        while True:
            field = dipoles(0.0, strength * math.exp(dice.gauss(0, 0.4)))
            if math.sqrt(sum(part * part for part in field)) > 1.8 * scale:
                return field

    now, is_occupied = 0.0, dice.random() < 0.3
    field = car() if is_occupied else [0.0] * 3
    change_s = dice.expovariate(1 / (mean_parked_s if is_occupied else mean_free_s))
    due_s = dice.uniform(0, heartbeat_s)

    def row(at_s: float, share: float) -> tuple[int, float | None, tuple[float, float, float], bool]:
        day = at_s / 86400
        warm = 10 + sum(
            a * math.sin(2 * math.pi * day / p + f) for a, p, f in zip(amplitudes, periods_d, phases, strict=True)
        )
        for level, keep in zip(pink, pink_keep, strict=True):
            for axis in range(3):
                level[axis] = level[axis] * keep + dice.gauss(0, pink_ut * math.sqrt(1 - keep * keep) * 0.6)
        for index in (0, 1):
            if at_s > beside_until_s[index] and has_neighbours:
                gone = beside[index] != [0.0] * 3
                beside[index] = [0.0] * 3 if gone else dipoles((-2.5, 2.5)[index], strength)
                beside_until_s[index] = at_s + dice.expovariate(1 / (mean_free_s if gone else mean_parked_s))
        value = []
        for axis in range(3):
            total = ground[axis] + slopes[axis] * (warm - 10) + field[axis] * share + dice.gauss(0, hum_ut)
            total += sum(level[axis] for level in pink) + beside[0][axis] + beside[1][axis]
            value.append(round(total, 2))
        shown = round(warm * warm_scale, 1) if has_thermometer else None
        return int(at_s), shown, (value[0], value[1], value[2]), is_occupied

    has_neighbours = dice.random() < 0.6
    while now < days * 86400:
        if change_s < due_s:
            now = change_s
            is_occupied = not is_occupied
            if is_occupied:
                field = car()
                stay_s = mean_parked_s * math.exp(dice.gauss(-0.3, 0.8))
            else:
                stay_s = dice.expovariate(1 / mean_free_s)
                field = [0.0] * 3
            change_s = now + max(stay_s, 2.0 * debounce_s + 20)
            times = [now + debounce_s + hop * dice.uniform(1, 5) for hop in range(hops + 1)]
            times = [at for at in sorted(times) if at < change_s]
            if any(begin <= now < end for begin, end in hole):
                continue
            for at in times:
                early = hops and at == times[0] and is_occupied
                yield row(at, dice.uniform(0.2, 1.2) if early else 1.0)
            if restarts and times:
                due_s = times[-1] + heartbeat_s
            elif times:
                due_s = max(due_s, times[-1] + 1)
            continue
        now = due_s
        due_s += heartbeat_s
        if now >= moved_s:
            moved_s = 1e18
            ground[:] = [part + dice.gauss(0, 15) * scale for part in ground]
        if not any(begin <= now < end for begin, end in hole):
            yield row(now, 1.0)
