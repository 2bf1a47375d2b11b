# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The whole node on one page: load the configuration, make the parts, join them, keep them running.

app -> report -> pack -> outbox (number, seal, keep) -> link -> gateway
                          outbox (forget) <- acknowledgement <- down frame -> time, commands
"""

import asyncio
import binascii
import gc
import json
import os
import random
import sys

import machine

from node_core import cbor, configuration
from node_core.backlog import LANES, TREND, first_wait_s
from node_core.down import Opener
from node_core.keys import derive_root
from node_core.node_time import FirstSent, NodeTime
from node_core.retry import wait_ms
from node_core.senml import encode_pack
from node_io.flash_store import SEGMENT_BYTES, FlashStore
from node_io.mqtt_client import MqttClient
from node_io.outbox import Outbox
from node_io.wall import NodeClock
from node_io.watchdog import Watchdog
from node_io.wifi import Wifi
from version import VERSION

_TICK_MS = 1000
_FREE_BYTES_KEPT = 32768
_SETTLED_MS = 30_000
_FAULT_PAUSE_MS = 10_000
_LOST_PAUSE_MS = 60_000
_COLLECT_MS = 30_000
_IDENTIFY = 1
_COMMANDS_MAX = 8


def hexadecimal(raw: bytes) -> str:
    return binascii.hexlify(raw).decode()


def say(word: str, text: str) -> None:
    print("%s %s" % (word, text))


class Node:
    def __init__(self, config: dict, master: bytes) -> None:
        named = config.get("node")
        self.node_id = binascii.unhexlify(named) if named else machine.unique_id()
        self._is_debug = config.get("log") == "debug"
        self._settings = config["settings"]
        self._measurements: dict = dict(configuration.OWN)
        self._measurements.update(config["measurements"])
        self._diagnostics_ms = int(self._settings.get("diagnostics_s", 900)) * 1000
        self._config = config
        self.clock = NodeClock()
        self.time = NodeTime()
        self._first_sent = FirstSent()
        self._broken: dict = {}
        self._reported_faults = ""
        self._starts: dict = {}
        self._wake = asyncio.Event()
        self.counters = {"down": 0, "refused": 0}
        # The radio comes first: it is what makes random numbers random, and an epoch may have to be drawn.
        self._wifi = Wifi(config["wifi"], config.get("open_networks", []), lambda text: say("net", text))
        root = derive_root(master, config.get("generation", 0))
        self._opener = Opener(root, self.node_id)
        waits_s = [first_wait_s(deadline_s) for deadline_s in configuration.deadlines_s(self._measurements)]
        store = FlashStore("queue", _segments_max(config.get("queue_bytes", 262144)), waits_s)
        self.outbox = Outbox(root, self.node_id, store, self)
        mqtt = config["mqtt"]
        self.mqtt = MqttClient(
            mqtt["host"], mqtt.get("port", 1883), "sc-" + self.name, mqtt.get("user"), mqtt.get("password")
        )
        self.watchdog = Watchdog(int(self._settings.get("watchdog_s", 120)))

    @property
    def name(self) -> str:
        return hexadecimal(self.node_id)

    async def run(self) -> None:
        """Never ends."""
        say(
            "boot",
            "%s fw %s profile %s number %d epoch %s reset %s"
            % (
                self.name,
                VERSION,
                self._config.get("profile", "?"),
                self.outbox.numbers.boot,
                hexadecimal(self.outbox.numbers.epoch),
                _reset_reason(),
            ),
        )
        self._diagnose(True)
        now_ms = self.clock.now_ms()
        for part, limit_s in (("app", 600), ("link", 300)):
            self.watchdog.expect(part, limit_s, now_ms)
        asyncio.create_task(self._run_app())
        asyncio.create_task(self._run_link())
        await self._keep_house()

    # Readings in

    def report(self, readings, at_ms=None, urgent: bool = False) -> None:
        """Make one frame of (name, value) or (name, value, offset in ms) readings."""
        lane = 0 if urgent else TREND
        deadline_s = 0 if urgent else 3600
        records: list = []
        for reading in readings:
            row: list = self._measurements.get(reading[0])
            if row is None:
                self.fault("app", "unknown measurement %s" % reading[0])
                continue
            lane = min(lane, LANES.index(row[3]))
            deadline_s = min(deadline_s, int(row[4]))
            records.append((reading[0], row[0], row[1], row[2], reading[1], reading[2] if len(reading) > 2 else 0))
        if records:
            self._queue(lane, records, deadline_s, at_ms)

    def _queue(self, lane: int, records: list, deadline_s: int, at_ms) -> None:
        now_ms = self.clock.now_ms()
        at_ms = now_ms if at_ms is None else at_ms
        try:
            if self.time.is_synchronised(now_ms):
                pack = encode_pack(records, self.time.city_ms(at_ms), None)
            else:
                pack = encode_pack(records, at_ms, self.outbox.numbers.boot)
            sequence = self.outbox.queue(lane, pack, deadline_s, now_ms // 1000)
        except (ValueError, TypeError) as error:
            self.fault("app", "a reading that does not fit its profile: %s" % error)
            return
        if self._is_debug:
            epoch = hexadecimal(self.outbox.numbers.epoch)
            say("queued", "%s %d %d %s" % (epoch, sequence, len(records), LANES[lane]))
        self._wake.set()

    def fault(self, part: str, reason: str) -> None:
        """Note what is broken, or mended where `reason` is empty. Reported by `_keep_house`."""
        if self._broken.get(part, "") != reason:
            say("fault", "%s: %s" % (part, reason or "mended"))
            if reason:
                self._broken[part] = reason
            else:
                self._broken.pop(part)

    async def _run_app(self) -> None:
        failures = 0
        while True:
            started_ms = self.clock.now_ms()
            try:
                board = __import__("boards." + self._config["board"], None, None, ("Board",)).Board()
                app = __import__("apps." + self._config["app"], None, None, ("App",)).App(
                    board, self._settings, self.clock
                )
                self.fault("app", "")
                await app.run(self.report, self.fault)
                self.fault("app", "it has ended")
            except Exception as error:
                sys.print_exception(error)
                self.fault("app", "%s: %s" % (type(error).__name__, error))
            failures = failures + 1 if self.clock.now_ms() - started_ms < _SETTLED_MS else 0
            await self.clock.sleep_ms(wait_ms(failures, 10_000, 300_000, random.getrandbits(16)))

    # Frames out

    async def _run_link(self) -> None:
        failures = 0
        while True:
            self.watchdog.progress("link", self.clock.now_ms())
            if not self._wifi.is_connected() and not await self._wifi.join():
                failures += 1
                await asyncio.sleep_ms(wait_ms(failures, 2000, 120_000, random.getrandbits(16)))
                continue
            started_ms = self.clock.now_ms()
            self.watchdog.progress("link", started_ms)
            why = await self.mqtt.session("sc/node/%s/down" % self.name, self._hear, self._send)
            now_ms = self.clock.now_ms()
            for epoch, sequence in self.mqtt.take_unconfirmed():
                self.outbox.hurry(epoch, sequence, now_ms // 1000)
            failures = failures + 1 if now_ms - started_ms < _SETTLED_MS else 0
            say("net", "broker: %s" % why)
            await asyncio.sleep_ms(wait_ms(failures, 1000, 60_000, random.getrandbits(16)))

    async def _send(self) -> None:
        """Send what is due while a connection lasts."""
        say("net", "connected to the broker at %s" % self._config["mqtt"]["host"])
        topic = "sc/node/%s/up" % self.name
        if not self.time.is_synchronised(self.clock.now_ms()):
            self._diagnose(False)  # something new to send, and so something whose answer carries the time
        while True:
            await self.mqtt.room()
            now_ms = self.clock.now_ms()
            self.watchdog.progress("link", now_ms)
            due = self.outbox.next_due(now_ms // 1000)
            if due is None:
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), 1)
                except asyncio.TimeoutError:
                    pass  # a frame may have become due again
                continue
            waiting, i = due
            frame = self.outbox.frame(waiting, i)
            if frame is None:
                continue
            token = (waiting.epoch, waiting.sequences[i])
            if waiting.is_fresh and not waiting.tries[i]:
                self._first_sent.note(token[0], token[1], now_ms)
            self.outbox.sent(waiting, i, now_ms)
            await self.mqtt.publish(topic, frame, token)

    # Answers

    def _hear(self, payload: bytes) -> None:
        now_ms = self.clock.now_ms()
        try:
            down = self._opener.open(payload, self.outbox.is_our_epoch)
        except cbor.WireError as error:
            self.counters["refused"] += 1
            if self._is_debug:
                say("net", "a down frame is refused: %s" % error.args[0])
            return
        self.counters["down"] += 1
        self.outbox.acknowledge(down.epoch, down.acknowledged)
        if self._starts.get(down.gateway_id) != down.start:
            # It has just started, or we have: what was sent before may have met nobody.
            self.outbox.hurry_all(now_ms // 1000)
        self._starts[down.gateway_id] = down.start
        self._wake.set()
        sent_ms = self._first_sent.sent_ms(down.epoch, down.answered, now_ms)
        if sent_ms is None:
            return  # it may have been held back: only the acknowledgement counts
        if down.city_time is not None:
            self._learn_time(sent_ms, now_ms, down.city_time)
        for command in down.commands:
            self._obey(down.gateway_id, command)

    def _learn_time(self, sent_ms: int, now_ms: int, city_time: list) -> None:
        anchor = self.time.learn(sent_ms, now_ms, city_time[0], city_time[1])
        if anchor is not None:
            say("time", "city time known to %d ms" % self.time.bound_ms(now_ms))
            self.report([("anchor", cbor.encode([self.outbox.numbers.boot] + anchor))])

    def _obey(self, gateway_id: str, command: list) -> None:
        known = self.outbox.numbers.commands
        if command[0] <= known.get(gateway_id, -1):
            return
        if gateway_id not in known and len(known) >= _COMMANDS_MAX:
            known.pop(list(known)[0])
        known[gateway_id] = command[0]
        self.outbox.save()  # before it is run: a command that resets the board must not run twice
        result = 1
        if command[1] == _IDENTIFY:
            say("identify", "asked for by %s" % gateway_id)
            try:
                board = __import__("boards." + self._config["board"], None, None, ("Board",)).Board()
                asyncio.create_task(_blink(board.pin("led")))
                result = 0
            except (KeyError, ImportError, ValueError):
                result = 3
        self.report([("cmd", cbor.encode([gateway_id, command[0], result]))])

    # Outbox events

    def acked(self, epoch: bytes, sequence: int) -> None:
        if self._is_debug:
            say("acked", "%s %d" % (hexadecimal(epoch), sequence))

    def lost(self, epoch: bytes, first: int, last: int, reason: int) -> None:
        say("lost", "%s %d-%d %s" % (hexadecimal(epoch), first, last, ("full", "damaged", "power")[reason]))

    def new_epoch(self, epoch: bytes, why: str) -> None:
        say("epoch", "%s: %s" % (hexadecimal(epoch), why))
        self.time.forget_reports()

    # Housekeeping

    async def _keep_house(self) -> None:
        diagnosed_ms = collected_ms = self.clock.now_ms()
        faulted_ms = lost_ms = -_LOST_PAUSE_MS
        slept = -1
        stuck = ""
        while True:
            now_ms = self.clock.now_ms()
            self.outbox.tidy(now_ms // 1000)
            if now_ms - faulted_ms >= _FAULT_PAUSE_MS and self._report_faults():
                faulted_ms = now_ms
            if self.mqtt.is_connected and now_ms - lost_ms >= _LOST_PAUSE_MS and self._report_lost():
                lost_ms = now_ms
            if now_ms - diagnosed_ms >= self._diagnostics_ms:
                diagnosed_ms = now_ms
                self._diagnose(True)
            if now_ms - collected_ms >= _COLLECT_MS:
                collected_ms = now_ms
                gc.collect()
            if slept != self.clock.slept_count:
                slept = self.clock.slept_count
                self.watchdog.progress("app", now_ms)
            was_stuck = stuck
            stuck = self.watchdog.feed(now_ms)
            if stuck and stuck != was_stuck:
                say("watchdog", "%s makes no progress: the board will start again" % stuck)
            await asyncio.sleep_ms(_TICK_MS)

    def _report_faults(self) -> bool:
        text = "; ".join(["%s: %s" % pair for pair in sorted(self._broken.items())])[:120]
        if text == self._reported_faults:
            return False
        self._reported_faults = text
        self.report([("fault", text)])
        return True

    def _report_lost(self) -> bool:
        found = self.outbox.unreported()
        for reason, pairs in found:
            self.report([("lost", cbor.encode(pairs) + cbor.encode(reason))])
        if found:
            self.outbox.reported(found)
        return bool(found)

    def _diagnose(self, is_full: bool) -> None:
        """Say how the node is: everything, or only what a new connection has to say."""
        readings: list = []
        if is_full:
            readings = [("boot", self.outbox.numbers.boot), ("reset", _reset_reason()), ("fw", VERSION)]
        dbm = self._wifi.rssi_dbm()
        if dbm is not None:
            readings.append(("rssi", dbm - 30))
        gc.collect()
        readings.append(("heap", gc.mem_free()))
        self.report(readings)


async def _blink(led) -> None:
    for i in range(40):
        led.value(1 - i % 2)
        await asyncio.sleep_ms(250)
    led.value(0)


def _segments_max(queue_bytes: int) -> int:
    """As many segments as are configured, and as the file system has room for."""
    status = os.statvfs(".")
    try:
        held = len(os.listdir("queue"))
    except OSError:
        held = 0
    room_bytes = status[0] * status[3] + held * SEGMENT_BYTES - _FREE_BYTES_KEPT
    return max(4, min(queue_bytes, room_bytes) // SEGMENT_BYTES)


def _reset_reason() -> str:
    names = (
        ("PWRON_RESET", "power"),
        ("HARD_RESET", "hard"),
        ("WDT_RESET", "watchdog"),
        ("DEEPSLEEP_RESET", "sleep"),
        ("SOFT_RESET", "soft"),
        ("BROWNOUT_RESET", "brownout"),
    )
    cause = machine.reset_cause()
    for name, text in names:
        if getattr(machine, name, None) == cause:
            return text
    return "unknown"


def load() -> tuple:
    """(configuration, master key, sentences that say what to do). The first two count only where there are none."""
    problems = []
    config = None
    try:
        with open("config.json") as file:
            config = json.load(file)
        problems = ["config.json: %s" % text for text in configuration.problems(config)]
    except OSError:
        problems.append("config.json is missing: make it with `startcity node add` and copy it onto the board")
    except ValueError:
        problems.append("config.json is not valid JSON: make it again with `startcity node add`, or mend it")
    master = b""
    try:
        with open("key.bin", "rb") as file:
            master = file.read()
        if len(master) != 16:
            problems.append("key.bin has %d bytes instead of 16: copy it again" % len(master))
    except OSError:
        problems.append("key.bin is missing: copy it onto the board, it lies beside config.json")
    return config, master, problems


def main() -> None:
    config, master, problems = load()
    if problems or config is None:
        for text in problems:
            say("setup", text)
        say("setup", "nothing runs until this is put right; then press the reset button")
        return
    node = None
    try:
        node = Node(config, master)
        asyncio.run(node.run())
    except KeyboardInterrupt:
        if node is not None:
            node.watchdog.relax()
        say("stopped", "press Ctrl-D to start again; the board does so by itself in an hour")
    except Exception as error:
        sys.print_exception(error)
        say("stopped", "the board starts again")
        machine.reset()
