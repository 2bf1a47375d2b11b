# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A firmware for the simulator's own tests: argv-less, it does what `files/what` of its flash says and tells it on the console."""

import asyncio
import machine
import os
import sys
import time

what = open("what").read().strip()
starts = int(open("starts").read()) if "starts" in os.listdir(".") else 0
with open("starts", "w") as file:
    file.write(str(starts + 1))
print("start", starts, "cause", machine.reset_cause(), "memory", machine.RTC().memory(), "time", time.time())


async def watch_field():
    from boards.esp32_generic import Board
    from node_io.drivers.qmc5883l import Qmc5883l

    sensor = Qmc5883l(Board().i2c())
    sample = [0] * 5
    last = None
    while True:
        await asyncio.sleep_ms(200)
        try:
            if last is None or last == "gone":
                sensor.start()
                await asyncio.sleep_ms(150)
            is_new = not sensor.read(sample)
            now = "none" if not is_new else "strong" if sample[0] > 50_000 else "weak"
        except OSError:
            now = "gone"
        if now not in ("none", last):
            last = now
            print("field", now)


async def stream():
    from array import array
    from boards.esp32_generic import Board
    from node_io.drivers.hx711 import Hx711

    board = Board()
    driver = Hx711(board.pin("hx711_dout"), board.pin("hx711_sck"))
    codes, ticks = array("i", bytes(1024)), array("i", bytes(1024))
    driver.start()
    while True:
        await asyncio.sleep_ms(400)
        count = driver.take(codes, ticks)
        print("codes", *[codes[index] for index in range(count)])


if what == "resets":
    if starts == 0:
        machine.RTC().memory(b"kept")
        machine.reset()
    if starts == 1:
        machine.WDT(timeout=2000)
        while True:
            time.sleep_ms(100)
    if starts == 2:
        machine.RTC().memory(b"slept")
        machine.deepsleep(3000)
    print("done")
    while True:
        time.sleep_ms(500)
elif what == "field":
    asyncio.run(watch_field())
elif what == "stream":
    asyncio.run(stream())
elif what == "writes":
    number = 0
    while True:
        with open("log", "ab") as file:
            file.write(b"%06d\n" % number)
        print("wrote", number)
        number += 1
        time.sleep_ms(20)
sys.exit(0)
