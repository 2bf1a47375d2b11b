# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Run the whole node, without the simulator's own memory, and print the heap that it keeps: `heap_in_use.py FOLDER [full|FEED]`.

FOLDER holds config.json and key.bin. The board's modules are replaced by the least that lets the firmware run: this
is about memory, and the simulated board would count its own. With `full` an application reports until the queue on flash
is full and gives up its oldest. Prints `steady BYTES SEGMENTS` of the 64-bit interpreter.
"""

import asyncio
import gc
import json
import os
import sys


class Module:
    def __init__(self, **content):
        for name in content:
            setattr(self, name, content[name])


class Pin:
    IN = 0
    OUT = 1
    PULL_UP = 2
    IRQ_FALLING = 2
    IRQ_RISING = 1

    def __init__(self, *_, **__):
        pass

    def value(self, *_):
        return 1

    def irq(self, **_):
        pass


class ADC:
    ATTN_11DB = 3

    def __init__(self, *_, **__):
        pass

    def read_uv(self):
        return 142_000


class Timer:
    PERIODIC = 1

    def __init__(self, *_):
        pass

    def init(self, **_):
        pass


class UART:
    def __init__(self, *_, **__):
        pass

    def any(self):
        return 0

    def read(self):
        return None

    def write(self, data):
        return len(data)

    def flush(self):
        pass


class I2C:
    def __init__(self, *_, **__):
        pass

    def __getattr__(self, _):
        raise OSError(19)


class SPI:
    def __init__(self, *_, **__):
        pass

    def write(self, _):
        pass

    def write_readinto(self, _, answer):
        for index in range(len(answer)):
            answer[index] = 0xFF


class WLAN:
    def __init__(self, *_):
        self._is_connected = False

    def active(self, *_):
        return True

    def isconnected(self):
        return self._is_connected

    def status(self, *what):
        return -60 if what else 1010

    def disconnect(self):
        pass

    def config(self, **_):
        pass

    def scan(self):
        return [(b"startcity", b"", 1, -60, 3, False)]

    def connect(self, *_):
        self._is_connected = True

    def ifconfig(self):
        return ("192.0.2.1",)


class NVS:
    def __init__(self, _):
        pass

    def get_blob(self, *_):
        raise OSError(1)

    def get_i32(self, _):
        raise OSError(1)

    def set_blob(self, *_):
        pass

    def set_i32(self, *_):
        pass

    def commit(self):
        pass


sys.modules["machine"] = Module(
    Pin=Pin,
    Timer=Timer,
    UART=UART,
    I2C=I2C,
    ADC=ADC,
    SPI=SPI,
    unique_id=lambda: b"\xaa\xbb\xcc\xdd\xee\xff",
    reset_cause=lambda: 1,
    PWRON_RESET=1,
    reset=sys.exit,
)
sys.modules["network"] = Module(WLAN=WLAN, STA_IF=0, STAT_CONNECTING=1001, STAT_IDLE=1000)
sys.modules["esp32"] = Module(NVS=NVS)
# On the board these are part of the image: loading them costs no heap.
asyncio.Event, asyncio.Lock, asyncio.open_connection, asyncio.wait_for  # noqa: B018

os.chdir(sys.argv[1])
gc.collect()
base = gc.mem_alloc()

import runtime

with open("config.json") as file:
    application = __import__("apps." + json.load(file)["app"], None, None, ("App",))

what = sys.argv[2] if len(sys.argv) > 2 else ""
is_full = what == "full"
if what and not is_full:
    __import__(what)  # a module beside this one, which feeds a sensor


class Busy:
    """Reports as fast as the node takes it."""

    def __init__(self, *_):
        pass

    async def run(self, report, fault):
        while True:
            report([("occupied", True), ("confidence", 50)])
            report([("field_x", 1), ("field_y", 2), ("field_z", 3)])
            await asyncio.sleep_ms(0)


if is_full:
    application.App = Busy


def segments():
    return len(os.listdir("queue"))


async def watch():
    """Look once the queue is in the state that is asked for."""
    await asyncio.sleep(3)
    while is_full and segments() < SEGMENTS_FULL:
        await asyncio.sleep_ms(50)
    gc.collect()
    print("steady", gc.mem_alloc() - base, segments())
    sys.exit()


SEGMENTS_FULL = 64
asyncio.create_task(watch())
runtime.main()
