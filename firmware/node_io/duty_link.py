# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""One connection of a node that sleeps, from joining the network to the goodbye. `wake` is duty_cycle.Wake.

What is new goes first, because its answer carries time and commands; by then the answers have been heard that waited at the
broker, so that only what is really not acknowledged is repeated.
"""

import asyncio
import gc

import network

from micropython import const

from node_core import cbor, time_learning
from node_core import duty as duties
from node_core.backlog import ALARM
from node_core.down import Opener
from node_core.node_time import FirstSent
from node_core.sleeping_time import SLEEP_DRIFT_PPM
from node_io import borrowed, brief_link

_LISTEN_MS = const(400)
_POLL_MS = const(10)
_DIAGNOSTICS_S = const(86_400)
_IDENTIFY = const(1)
_SAMPLE = const(3)
_REZERO = const(4)
_GENERATION = const(6)
_IDENTIFY_MS = const(10_500)


class Link:
    def __init__(self, wake) -> None:
        self._wake = wake
        self._settings = wake.config["settings"]
        self._opener = Opener(wake.root, wake.node_id)
        self._first_sent = FirstSent()
        self._mqtt: brief_link.BriefMqtt = None
        self._answered = -1  # number that the latest answer was for
        self._sent = -1  # number of the latest first transmission
        self._has_proved = False
        self.has_met_broker = False

    def use_root(self, root: bytes) -> None:
        self._opener = Opener(root, self._wake.node_id)

    async def connect(self, left_ms: int) -> str:
        """Send and hear all that there is, for so long at most. Returns why it ended."""
        wake = self._wake
        why = "no network"
        self._mqtt = None
        self.has_met_broker = False
        try:
            why = await asyncio.wait_for(self._converse(), left_ms / 1000)
        except asyncio.TimeoutError:
            why = "no end after %d ms" % left_ms
        now_ms = wake.clock.now_ms()
        if self._mqtt is not None:
            for epoch, sequence in self._mqtt.take_unconfirmed():
                wake.outbox.hurry(epoch, sequence, now_ms // 1000)
            self.has_met_broker = self._mqtt.counters["connections"] > 0
        waits = duties.NOTHING
        if wake.outbox.waits_in(ALARM):
            waits = duties.ALARM
        elif wake.memory.waits and (not self.has_met_broker or wake.outbox.is_fresh_waiting()):
            waits = duties.URGENT
        wake.memory.link_ended(now_ms, self.has_met_broker, waits)
        return why

    async def _converse(self) -> str:
        wake = self._wake
        try:
            is_joined = await brief_link.join(wake.config, wake.memory, lambda text: wake.say("net", text))
        except RuntimeError as error:  # so the port names what it has no word for
            return "the radio fails: %s" % error
        if not is_joined:
            return "no network"
        to = wake.config["mqtt"]
        port = to.get("port", 1883)
        self._mqtt = brief_link.BriefMqtt(to["host"], port, "sc-" + wake.name, to.get("user"), to.get("password"))
        return await self._mqtt.session("sc/node/%s/down" % wake.name, self._hear, self._talk)

    # Frames out

    async def _talk(self) -> None:
        wake = self._wake
        outbox = wake.outbox
        memory = wake.memory
        if wake.is_debug:
            wake.say("net", "connected to the broker at %s" % wake.config["mqtt"]["host"])
        each_ms = int(self._settings.get("diagnostics_s", _DIAGNOSTICS_S)) * 1000
        if not outbox.is_fresh_waiting() or wake.clock.now_ms() - memory.diagnosed_ms >= each_ms:
            memory.diagnosed_ms = wake.clock.now_ms()
            self._diagnose()
        await self._send(outbox.next_unsent)
        await self._listen(True)
        wake.report_lost()
        await self._send(outbox.next_unsent)  # also what the answer has caused: an anchor, results of commands
        sent = await self._send(lambda: outbox.next_due(wake.clock.now_ms() // 1000))
        if outbox.may_drain:
            memory.has_backlog = outbox.has_resting()
            if sent:
                memory.drained_s = wake.clock.now_ms() // 1000
        await self._listen(False)
        await self._mqtt.say_goodbye()

    def _diagnose(self) -> None:
        """Say how the node is: once a day, and where there is nothing else that an answer could be for."""
        wake = self._wake
        settings = self._settings
        readings: list = []
        try:
            readings.append(("rssi", network.WLAN(network.STA_IF).status("rssi") - 30))
        except (OSError, ValueError):
            pass  # there is none
        full_mv = settings.get("battery_full_mv")
        if full_mv:
            empty_mv = settings.get("battery_empty_mv", 0)
            mv = wake.board.adc("battery_sense").read_uv() * settings.get("battery_divider", 2) // 1000
            readings.append(("batt", max(0, min(100, (mv - empty_mv) * 100 // max(1, full_mv - empty_mv)))))
        gc.collect()
        readings.append(("heap", gc.mem_free()))
        wake.report(readings)

    async def _send(self, next_frame) -> int:
        """Send what `next_frame` gives, until it gives nothing."""
        wake = self._wake
        topic = "sc/node/%s/up" % wake.name
        count = 0
        while True:
            await self._mqtt.room()
            due = next_frame()
            if due is None:
                return count
            waiting, i = due
            frame = wake.outbox.frame(waiting, i)
            if frame is None:
                continue
            now_ms = wake.clock.now_ms()
            token = (waiting.epoch, waiting.sequences[i])
            if waiting.is_fresh and not waiting.tries[i]:
                self._first_sent.note(token[0], token[1], now_ms)
                self._sent = token[1]
            wake.outbox.sent(waiting, i, now_ms)
            await self._mqtt.publish(topic, frame, token)
            count += 1

    async def _listen(self, wants_answer: bool) -> None:
        """A moment for the answer and for the broker to confirm; the whole moment while an alarm waits for its acknowledgement."""
        wake = self._wake
        until_ms = wake.clock.now_ms() + int(self._settings.get("listen_ms", _LISTEN_MS))
        while wake.clock.now_ms() < until_ms:
            is_answered = not wants_answer or self._answered == self._sent
            if is_answered and self._mqtt.is_confirmed() and not wake.outbox.waits_in(ALARM):
                return
            await asyncio.sleep_ms(_POLL_MS)

    # Answers

    def _hear(self, payload: bytes) -> None:
        wake = self._wake
        now_ms = wake.clock.now_ms()
        try:
            down = self._opener.open(payload, wake.outbox.is_our_epoch)
        except cbor.WireError as error:
            if error.args[0] != "FrameTag" or not self._hear_newer(payload, now_ms):
                if wake.is_debug:
                    wake.say("net", "a down frame is refused: %s" % error.args[0])
            return
        wake.outbox.acknowledge(down.epoch, down.acknowledged)
        sent_ms = self._first_sent.sent_ms(down.epoch, down.answered, now_ms)
        if sent_ms is None:
            return  # it waited at the broker, or was held back: only the acknowledgement counts
        self._answered = down.answered
        if down.city_time is not None:
            self._learn_time(sent_ms, now_ms, down.city_time)
        for command in down.commands:
            self._obey(down.gateway_id, command, wake.generation)

    def _hear_newer(self, payload: bytes, now_ms: int) -> bool:
        """A down frame that our key does not open may prove a newer generation's: then only its command to move counts."""
        wake = self._wake
        if self._has_proved:
            return False
        self._has_proved = True  # anybody can send garbage, and this costs time
        found = borrowed.call(
            "node_io.start", "prove", payload, wake.generation, wake.node_id, wake.outbox.is_our_epoch
        )
        if found is None or self._first_sent.sent_ms(found[1].epoch, found[1].answered, now_ms) is None:
            return False
        for command in found[1].commands:
            if command[1:] == [_GENERATION, found[0]]:
                self._obey(found[1].gateway_id, command, found[0])
        return True

    def _learn_time(self, sent_ms: int, now_ms: int, city_time: list) -> None:
        wake = self._wake
        if wake.memory.wants_anchor:
            wake.time.forget_reports()
        anchor = time_learning.learn(wake.time, sent_ms, now_ms, city_time[0], city_time[1])
        if anchor is not None and wake.memory.wants_anchor:
            wake.say("time", "city time known to %d ms" % wake.time.bound_ms(now_ms))
            wake.report([("anchor", cbor.encode([wake.outbox.numbers.boot] + anchor + [SLEEP_DRIFT_PPM]))])
            wake.memory.wants_anchor = False

    def _obey(self, gateway_id: str, command: list, proven: int) -> None:
        """`proven` is the key generation under which the command came."""
        wake = self._wake
        if command[0] == wake.outbox.numbers.commands.get(gateway_id):
            return  # it was run, and its result is on its way
        borrowed.call("node_io.commands", "obey", wake, gateway_id, command, proven)
        if command[0] != wake.outbox.numbers.commands.get(gateway_id):
            return  # it was not run
        if command[1] == _IDENTIFY:
            wake.stay_until_ms = wake.clock.now_ms() + _IDENTIFY_MS
        elif command[1] in (_SAMPLE, _REZERO):
            wake.memory.app_due_ms = wake.clock.now_ms()  # with the next wake, which comes at once


def report_start(wake, situation: dict) -> None:
    """Say what this boot has found."""
    from version import VERSION

    numbers = wake.outbox.numbers
    epoch = "".join(["%02x" % byte for byte in numbers.epoch])
    text = "%s fw %s profile %s number %d epoch %s reset %s"
    found = (wake.name, VERSION, wake.config.get("profile", "?"), numbers.boot, epoch, situation["reset"])
    wake.say("boot", text % found)
    wake.report([("boot", numbers.boot), ("reset", situation["reset"]), ("fw", VERSION)])
    borrowed.call("node_io.start", "report", wake, situation)
