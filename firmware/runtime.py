# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The whole node on one page: load the configuration, make the parts, join them, keep them running.

app -> report -> pack -> outbox (number, seal, keep) -> link -> gateway
                          outbox (forget) <- acknowledgement <- down frame -> time, commands
"""

import asyncio
import binascii
import gc
import random
import sys

import machine

from micropython import const

from node_core import cbor
from node_core.backlog import LANES, TREND
from node_core.node_time import FirstSent, NodeTime
from node_core.retry import wait_ms
from node_core.senml import encode_pack
from node_io import borrowed
from node_io.wall import NodeClock
from node_io.watchdog import Watchdog

_TICK_MS = 1000
_SETTLED_MS = const(30_000)
_FAULT_PAUSE_MS = const(10_000)
_LOST_PAUSE_MS = const(60_000)
_COLLECT_MS = const(30_000)
_SETTLE_MS = const(60_000)
_CALL_MS = const(10_000)
_MISTAKES_MAX = const(5)


def hexadecimal(raw: bytes) -> str:
    return binascii.hexlify(raw).decode()


def say(word: str, text: str) -> None:
    print("%s %s" % (word, text))


class Node:
    # What node_io/equipment.py gives it.
    node_id: bytes
    config: dict
    generation: int
    is_safe: bool
    is_fallback: bool
    trial: list
    gateways_heard: list
    counters: dict
    _situation: dict
    _is_debug: bool
    _settings: dict
    _measurements: dict
    _diagnostics_ms: int
    _down_keys: list
    _broken: dict
    _reported_faults: str
    _has_news: bool
    _starts: dict
    _proof_again_ms: int
    _mistakes: int
    _root: bytes

    def __init__(self, config: dict, master: bytes, situation: dict) -> None:
        """`situation` is what node_io/start.py has found. All that a node keeps is named in node_io/equipment.py."""
        self.clock = NodeClock()
        self.clock.city_ms = self._city_ms
        self.time = NodeTime()
        self._first_sent = FirstSent()
        self._wake = asyncio.Event()
        self.app = None
        from node_io import equipment

        self._wifi, self.outbox, self.mqtt = equipment.equip(self, config, master, situation)
        self.watchdog = Watchdog(int(self._settings.get("watchdog_s", 120)))

    @property
    def name(self) -> str:
        return hexadecimal(self.node_id)

    async def run(self) -> None:
        """Never ends."""
        from node_io import equipment  # a kilobyte and more that is needed once

        equipment.introduce(self)
        del equipment
        borrowed.forget("node_io.equipment")
        asyncio.get_event_loop().set_exception_handler(_raise)
        now_ms = self.clock.now_ms()
        if not self.is_safe:
            self.watchdog.expect("app", 600, now_ms)
            asyncio.create_task(self._run_app())
        self.watchdog.expect("link", 300, now_ms)
        asyncio.create_task(self._run_link())
        await self._keep_house()

    def is_app_well(self) -> bool:
        return self.app is not None and "app" not in self._broken

    def has_met_broker(self) -> bool:
        return self.mqtt.counters["connections"] > 0

    def use_root(self, root: bytes, generation: int) -> None:
        """Move to another key generation, which is stored already. Frames that wait keep the key of their day."""
        borrowed.call("node_io.seldom", "use_root", self, root, generation)

    def restart(self, why: str) -> None:
        """Start again, now. What waits in memory is brought to flash first."""
        say("restart", why)
        self.outbox.close()
        machine.reset()

    def _city_ms(self):
        now_ms = self.clock.now_ms()
        return self.time.city_ms(now_ms) if self.time.is_synchronised(now_ms) else None

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
        """Note what is broken, or mended where `reason` is empty. `_keep_house` has it reported."""
        if self._broken.get(part, "") != reason:
            say("fault", "%s: %s" % (part, reason or "mended"))
            self._has_news = True
            if reason:
                self._broken[part] = reason
            else:
                self._broken.pop(part)

    async def _run_app(self) -> None:
        failures = 0
        while True:
            started_ms = self.clock.now_ms()
            try:
                kind = __import__("apps." + self.config["app"], None, None, ("App",)).App
                borrowed.call("node_io.seldom", "share_names", self)
                self.app = app = kind(borrowed.Board(self.config["board"]), self._settings, self.clock)
                self.fault("app", "")
                await app.run(self.report, self.fault)
                self.fault("app", "it has ended")
            except Exception as error:
                borrowed.call("node_io.seldom", "report_mistake", self, "app", error)
                self.fault("app", "%s: %s" % (type(error).__name__, error))
            self.app = None
            failures = failures + 1 if self.clock.now_ms() - started_ms < _SETTLED_MS else 0
            await self.clock.sleep_ms(wait_ms(failures, 10_000, 300_000, random.getrandbits(16)))

    # Frames out

    async def _run_link(self) -> None:
        failures = mistakes = 0
        while True:
            self.watchdog.progress("link", self.clock.now_ms())
            if not self._wifi.is_connected() and not await self._wifi.join():
                failures += 1
                await asyncio.sleep_ms(wait_ms(failures, 2000, 120_000, random.getrandbits(16)))
                continue
            started_ms = self.clock.now_ms()
            self.watchdog.progress("link", started_ms)
            try:
                why = await self.mqtt.session("sc/node/%s/down" % self.name, self._hear, self._send)
            except Exception as error:  # a mistake of ours, or no memory: the application goes on
                mistakes = 0 if self.clock.now_ms() - started_ms > _SETTLED_MS else mistakes + 1
                if mistakes >= _MISTAKES_MAX:
                    raise
                borrowed.call("node_io.seldom", "report_mistake", self, "link", error)
                why = "the session has failed"
            now_ms = self.clock.now_ms()
            for epoch, sequence in self.mqtt.take_unconfirmed():
                self.outbox.hurry(epoch, sequence, now_ms // 1000)
            failures = failures + 1 if now_ms - started_ms < _SETTLED_MS else 0
            say("net", "broker: %s" % why)
            await asyncio.sleep_ms(wait_ms(failures, 1000, 60_000, random.getrandbits(16)))

    async def _send(self) -> None:
        """Send what is due while a connection lasts."""
        say("net", "connected to the broker at %s" % self.config["mqtt"]["host"])
        topic = "sc/node/%s/up" % self.name
        if not self.time.is_synchronised(self.clock.now_ms()):
            borrowed.call(
                "node_io.seldom", "diagnose", self, False
            )  # something new to send, and so something whose answer carries the time
        token, calls, call_ms = None, 0, self.clock.now_ms() + _CALL_MS
        while True:
            await self.mqtt.room()
            now_ms = self.clock.now_ms()
            self.watchdog.progress("link", now_ms)
            due = self.outbox.next_due(now_ms // 1000)
            if due is None:
                if token and not self._starts and now_ms >= call_ms:
                    # Nobody has answered in this boot: one frame again, soon, for when a gateway listens. Its answer hurries the rest.
                    calls += 1
                    call_ms = now_ms + wait_ms(calls, _CALL_MS, 300_000, random.getrandbits(16))
                    self.outbox.hurry(token[0], token[1], now_ms // 1000)
                    continue
                self._wake.clear()
                # For a new frame, an answer, or the next second, in which one may have become due again.
                await self._wake.wait()
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
        borrowed.call("node_io.answer", "hear", self, payload)

    def report_result(self, gateway_id: str, command_id: int, result: int) -> None:
        """What became of a command (docs/wire.md section 4)."""
        self.report([("cmd", cbor.encode([gateway_id, command_id, result]))])

    def report_lost(self) -> bool:
        """Queue what was given up and not yet reported, and forget it. False where there is none."""
        return borrowed.call("node_io.seldom", "report_lost", self)

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
        settle_ms = _SETTLE_MS
        safe_until_ms = None
        if self.is_safe:
            safe_until_ms = borrowed.call("node_io.settled", "safe_for_ms", self)
        while True:
            now_ms = self.clock.now_ms()
            self.outbox.tidy(now_ms // 1000)
            self._wake.set()
            if settle_ms is not None and now_ms >= settle_ms:
                settle_ms = borrowed.call("node_io.settled", "look", self, now_ms)
            if safe_until_ms is not None and now_ms >= safe_until_ms:
                borrowed.call("node_io.settled", "end_safe_mode", self)
            if now_ms - faulted_ms >= _FAULT_PAUSE_MS and self._has_news:
                self._has_news = False
                if borrowed.call("node_io.seldom", "report_faults", self):
                    faulted_ms = now_ms
            if self.mqtt.is_connected and now_ms - lost_ms >= _LOST_PAUSE_MS and any(self.outbox.numbers.lost):
                lost_ms = now_ms
                self.report_lost()
            if now_ms - diagnosed_ms >= self._diagnostics_ms:
                diagnosed_ms = now_ms
                borrowed.call("node_io.seldom", "diagnose", self, True)
            if now_ms - collected_ms >= _COLLECT_MS:
                collected_ms = now_ms
                gc.collect()
            if slept != self.clock.slept_count:
                slept = self.clock.slept_count
                self.watchdog.progress("app", now_ms)
            was_stuck = stuck
            stuck = self.watchdog.feed(now_ms)
            if stuck != was_stuck:
                text = "%s: no progress; up %d s, heap %d" % (stuck, now_ms // 1000, gc.mem_free()) if stuck else ""
                if stuck:
                    say("watchdog", "%s makes no progress: the board will start again" % stuck)
                borrowed.call("node_io.crash_report", "keep", text)  # before the watchdog bites
            await asyncio.sleep_ms(_TICK_MS)


def _raise(_loop, context: dict) -> None:
    """A task that nobody waits for has failed: the node as a whole has."""
    raise context["exception"]


def main(found=None) -> None:
    """`found` is what `prepare` of node_io/start.py has returned; asked here where nobody has."""
    found = found or borrowed.call("node_io.start", "prepare")
    if found is None:
        return  # a person has been told what to do
    node = None
    try:
        node = Node(*found)
        asyncio.run(node.run())
    except KeyboardInterrupt:
        if node is not None:
            node.watchdog.relax()
            node.outbox.close()  # whoever stopped it will reset it
        borrowed.call("node_io.settled", "stopped")
    except Exception as error:
        borrowed.call("node_io.crash_report", "end", node, error)
        machine.reset()
