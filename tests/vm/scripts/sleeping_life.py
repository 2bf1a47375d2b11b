# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The whole life of a sleeping node inside a script: the firmware's own boots and wakes run on a flash in memory, and the clock jumps.

Only the radio is ours. It hands frames to a gateway in the mood that `Life.plan` says for each connection: "ok" acknowledges at once, "late" at
the next connection, "mute" hears and says nothing, "deaf" hears nothing, "absent" is no network.
The folder with the firmware is the script's first argument.
"""

import asyncio
import json
import os
import sys

import esp32
import machine
import network
import power
import ram_flash
import simclock
import world

simclock.configure("rate:0,epoch_ms:1790000000000")
world.values["wifi"] = []
sys.path.insert(0, sys.argv[1])

from node_core import cbor_reader, frame

BASE = frame.Sealer
CONFIG = {
    "profile": "probe",
    "app": "inline",
    "board": "esp32_generic",
    "sleeps": True,
    "settings": {"connect_s": 1200, "connect_wakes": 2, "listen_ms": 20},
    "measurements": {
        "count": [None, "n", 0, "trend", 300],
        "state": [None, "n", 0, "record", 60],
        "alert": [None, "b", 0, "alarm", 0],
    },
    "node": "aabbccddeeff",
    "wifi": [{"ssid": "startcity", "password": "secret12"}],
    "mqtt": {"host": "127.0.0.1", "port": 1},
    "queue_bytes": 65_536,
}


class Reset(BaseException):
    """The board has ended its run. The argument is the cause of the next one."""


class Life:
    """What is true of one node, whatever it remembers itself."""

    def __init__(self):
        self.sealed = {}  # (epoch, number): frame
        self.packs = {}
        self.promised = set()
        self.alarms = set()
        self.received = set()
        self.named = set()
        self.told = {}  # epoch: the highest floor that the gateway knows
        self.acknowledgements = []  # that wait at the broker
        self.plan = []
        self.last = None
        self.roots = {}  # epoch: the key that seals it
        self.chip = None
        self.sleeps_ms = []
        self.edge_ms = 0  # how long after falling asleep a pin wakes the board that waits for it; 0: never
        self.command = None  # [id, code, argument] that the gateway orders

    def needs_power(self):
        """LittleFS makes an ordinary error of the end of its power, which firmware would survive."""
        if self.chip.is_off:
            raise ram_flash.PowerCut

    def take(self, raw):
        """A frame comes to the gateway."""
        key = frame.frame_number(raw)
        assert self.sealed[key] == raw, "a frame that was never made"
        floor, pack = self.packs[key]
        assert key in self.received or key[1] >= self.told.get(key[0], 0), "%s below the floor that was told" % (key,)
        self.received.add(key)
        self.told[key[0]] = max(floor, self.told.get(key[0], 0))
        for record in cbor_reader.decode(pack):
            if record[0] == "lost":
                pairs, _ = cbor_reader.decode_from(record[8], 0)
                for first, last in pairs:
                    self.named.update([(key[0], number) for number in range(first, last + 1)])


life = None


class WatchedSealer(BASE):
    def __init__(self, root, kid):
        super().__init__(root, kid)
        self._root = root

    def seal(self, sequence, floor, pack):
        life.needs_power()
        if life.roots.setdefault(self.kid[6:], self._root) != self._root:
            raise Reset("an epoch has two keys")
        made = super().seal(sequence, floor, pack)
        key = (self.kid[6:], sequence)
        if key in life.sealed:
            raise Reset("number %d is used again" % sequence)
        life.sealed[key] = made
        life.packs[key] = (floor, pack)
        life.last = key
        return made


frame.Sealer = WatchedSealer

from node_io import (
    commands,
    config_store,
    crash_report,
    duty_link,
    kept_over_reset,
    queue_rare,
    settled,
    sleeping_outbox,
    start,
)

KEPT_LOADED = (
    commands,
    config_store,
    crash_report,
    queue_rare,
    settled,
    sleeping_outbox,
    start,
)  # else each wake loads them anew
_write_area = kept_over_reset.write_area


def _powered_write_area(name, data):
    life.needs_power()
    return _write_area(name, data)


kept_over_reset.write_area = _powered_write_area


class Radio:
    """Stands for broker and MQTT client at once."""

    counters = {"connections": 1}

    def __init__(self, mood):
        self._mood = mood
        self._unconfirmed = []
        self._outbox = None

    async def room(self):
        pass

    async def publish(self, topic, raw, token):
        life.needs_power()
        if self._mood == "deaf":
            self._unconfirmed.append(token)
            return
        life.take(raw)
        if self._mood == "ok":
            self._outbox.acknowledge(token[0], [[token[1], token[1]]])
        elif self._mood == "late":
            life.acknowledgements.append(token)

    def is_confirmed(self):
        return True

    async def say_goodbye(self):
        pass

    def take_unconfirmed(self):
        return self._unconfirmed


async def _converse(self):
    mood = life.plan.pop(0) if life.plan else "ok"
    if mood == "cut":
        raise ram_flash.PowerCut
    if mood == "absent":
        return "no network"
    self._mqtt = radio = Radio(mood)
    radio._outbox = self._wake.outbox
    for epoch, number in life.acknowledgements:
        radio._outbox.acknowledge(epoch, [[number, number]])
    life.acknowledgements = []
    await self._talk()
    if life.command is not None:  # again and again, as a gateway does until it hears the result
        self._obey("g", life.command, 1)
        await self._send(radio._outbox.next_unsent)
    return "done"


duty_link.Link._converse = _converse


def promise(report, reading, urgent=False):
    """Report, and remember that from now on the node owes it."""
    report([reading], urgent=urgent)
    life.needs_power()
    life.promised.add(life.last)
    if reading[0] == "alert":
        life.alarms.add(life.last)


class _Inline:
    pass


def use_app(kind):
    _Inline.App = kind
    sys.modules["apps.inline"] = _Inline


def _reset(cause):
    raise Reset(cause)


def _deepsleep(time_ms=0):
    power.wake_reason = machine.TIMER_WAKE
    machine.simulated_power_down()
    if power.ext0 is not None and life.edge_ms:
        power.wake_reason = machine.PIN_WAKE
        time_ms = life.edge_ms
    power.ext0 = power.ext1 = None
    life.sleeps_ms.append(time_ms)
    simclock._run_until(simclock.now_us + time_ms * 1000)
    raise Reset(machine.DEEPSLEEP_RESET)


power.exit_hook = _reset
machine.deepsleep = _deepsleep
with open(sys.argv[1] + "/main.py") as file:
    MAIN = compile(file.read(), "main.py", "exec")


def run(cause):
    """One run of the board, and the sleep after it. Returns the cause of the next one."""
    power.cause = cause
    simclock.restart(simclock.now_us)
    asyncio.new_event_loop()
    try:
        exec(MAIN, {"__name__": "__main__"})
    except Reset as ended:
        assert isinstance(ended.args[0], int), ended.args[0]
        return ended.args[0]
    finally:
        machine.simulated_power_down()
        network.simulated_power_down()
    raise AssertionError("the firmware has ended")


def live(wakes, cause):
    """So many runs, each of which ends in deep sleep."""
    for _ in range(wakes):
        cause = run(cause)
        assert cause == machine.DEEPSLEEP_RESET, cause
    return cause


def new_board(plan=(), **settings):
    """A new life on a new chip, power off. Returns the chip."""
    global life
    life = Life()
    life.plan = list(plan)
    chip = life.chip = ram_flash.RamFlash(64)
    ram_flash.format_and_mount(chip)
    esp32.NVS("node").set_i32("generation", 0)
    esp32.NVS("node").set_i32("boots", 0)
    forget_rtc()
    with open("config.json", "w") as file:
        json.dump(dict(CONFIG, settings=dict(CONFIG["settings"], **settings)), file)
    with open("key.bin", "wb") as file:
        file.write(bytes(range(16)))
    return chip


def forget_rtc():
    """As a power-on leaves it."""
    for i in range(len(power.backup)):
        power.backup[i] = i * 37 & 0xFF
