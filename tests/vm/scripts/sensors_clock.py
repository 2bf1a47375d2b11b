# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The simulated clock: ticks that wrap, a wrong real-time clock, asyncio in simulated time, interrupts at their instants."""

import asyncio
import machine
import simclock
import time

host_start_us = simclock._host.ticks_us()

assert time.time() == 0 and time.gmtime()[:3] == (2000, 1, 1), time.gmtime()
assert time.mktime((2026, 11, 22, 10, 0, 0, 0, 0)) == 848_656_800
assert time.gmtime(848_656_800)[:6] == (2026, 11, 22, 10, 0, 0)
machine.RTC().datetime((2026, 11, 22, 6, 10, 0, 0, 0))
assert 848_656_800 <= time.time() <= 848_656_802

assert time.ticks_diff(5, time.ticks_add(5, -7)) == 7
assert time.ticks_diff(3, (1 << 30) - 4) == 7
before = time.ticks_ms()
time.sleep_ms(400)
assert 400 <= time.ticks_diff(time.ticks_ms(), before) < 1400, "across the wrap"
assert 0 <= time.ticks_ms() < 1 << 30

order = []


async def worker(name, period_ms, count):
    for _ in range(count):
        await asyncio.sleep_ms(period_ms)
        order.append((name, time.ticks_diff(time.ticks_ms(), start)))


async def waits_for(event):
    await event.wait()
    order.append(("event", time.ticks_diff(time.ticks_ms(), start)))


async def main():
    global start
    start = time.ticks_ms()
    event = asyncio.Event()
    tasks = [
        asyncio.create_task(worker("slow", 3000, 2)),
        asyncio.create_task(worker("fast", 2000, 2)),
        asyncio.create_task(waits_for(event)),
    ]
    await asyncio.sleep_ms(5000)
    event.set()
    for task in tasks:
        await task
    sleeper = asyncio.create_task(worker("never", 100_000, 1))
    await asyncio.sleep_ms(10)
    sleeper.cancel()
    try:
        await sleeper
        raise AssertionError("a cancelled task ended well")
    except asyncio.CancelledError:
        pass
    try:
        await asyncio.wait_for_ms(worker("late", 60_000, 1), 500)
        raise AssertionError("no time-out")
    except asyncio.TimeoutError:
        pass


asyncio.run(main())
assert [name for name, _ in order] == ["fast", "slow", "fast", "event", "slow"], order
for (_, at_ms), expected_ms in zip(order, (2000, 3000, 4000, 5000, 6000)):
    assert expected_ms <= at_ms < expected_ms + 1500, order

# A timer's callbacks come at their instants, however late the host is.
at_us = []
timer = machine.Timer(0)
timer.init(mode=machine.Timer.PERIODIC, period=10, callback=lambda _: at_us.append(simclock.now_us))
time.sleep_ms(1000)
timer.deinit()
gaps = [later - earlier for earlier, later in zip(at_us, at_us[1:])]
assert len(at_us) in (99, 100, 101) and max(gaps) - min(gaps) <= 20, (len(at_us), min(gaps), max(gaps))

host_ms = simclock._host.ticks_diff(simclock._host.ticks_us(), host_start_us) // 1000
print("simulated", (simclock.now_us - simclock.boot_us) // 1000, "host", host_ms)
