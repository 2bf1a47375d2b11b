# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The whole life of a node with a battery on one page: wake, let the application look, send what is due, sleep.

    wake (timer, pin) -> app.wake -> report -> pack -> frame in RTC memory or flash
      -> something due? -> Wi-Fi, broker: send, hear the answers that waited and the one that comes at once -> sleep

It never waits for a sync: a frame is safe when an answer says so, mostly at the next connection. Nothing here runs between
two wakes; what the next one needs is in node_core/duty.py's memory. A wake that has nothing to send loads neither radio nor codec.
"""

import asyncio
import gc
import json
import sys
import time

import machine

from micropython import const

from node_core import duty as duties
from node_io import kept_over_reset
from node_io.wall import NodeClock

_AWAKE_MS_MAX = const(20_000)  # then it sleeps, whatever is not done
_APP_MS_MAX = const(15_000)
_WATCHDOG_MS = const(40_000)  # for what no time-out catches
_AT_THE_PROMPT_MS = const(3_600_000)
_URGENT_S = const(60)  # what a gateway would seal within this time is sent at once
_APP_RETRY_S = const(300)
_SLEEP_S_MAX = const(86_400)
_STATE_BYTES_MAX = const(400)
_PIN_TURNS = const(3)  # how often the application may look again at once because a pin is already at its level
_PIN_STUCK_S = const(60)
_EARLY_MS = const(100)
_DRAIN_PAUSE_S = const(330)  # the longest that a gateway needs for an acknowledgement of a backlog


def say(word: str, text: str) -> None:
    print("%s %s" % (word, text))


class Wake:
    """One wake, and what others of the firmware know as the node."""

    is_safe = False
    say = staticmethod(say)

    def __init__(self, config: dict, master: bytes, memory, is_resumed: bool, why: str) -> None:
        self.config = config
        self.is_fallback = memory.is_fallback
        self.trial = None
        self.gateways_heard: list = []
        self.measurements: dict = config["measurements"]
        self.clock = NodeClock(_woken_at_ms(memory) if is_resumed else 0)
        self.clock.city_ms = self._city_ms
        self._settings = config["settings"]
        self.is_debug = config.get("log") == "debug"
        self._master = master
        self.memory = memory
        self.is_resumed = is_resumed
        self._why = why
        self._made: dict = {}  # board, app, time, outbox and link, once somebody has asked for them
        self._of_app: list = []  # modules that the application has loaded
        self._of_node: list = []  # and those that its reports have
        self._began_ms = self.clock.now_ms()
        self._broken: dict = {}
        self._has_queued = False
        self._is_app_well = False
        self.stay_until_ms = 0

    # What the rest of the node is to this wake, made when it is asked for

    @property
    def board(self):
        if "board" not in self._made:
            self._made["board"] = __import__("boards." + self.config["board"], None, None, ("Board",)).Board()
        return self._made["board"]

    @property
    def app(self):
        """None where it cannot even be made."""
        if "app" not in self._made:
            try:
                kind = __import__("apps." + self.config["app"], None, None, ("App",)).App
                self._made["app"] = kind(self.board, self._settings, self.clock)
            except Exception as error:
                self._app_failed(error)
                return None
        return self._made["app"]

    @property
    def time(self):
        """What is known of the city's time."""
        if "time" not in self._made:
            from node_core.sleeping_time import SleepingTime

            memory = self.memory
            known = self._made["time"] = SleepingTime()
            if self.is_resumed and memory.is_synchronised:
                known.load(memory.offset_ms, memory.bound_ms, memory.known_at_ms)
        return self._made["time"]

    @property
    def outbox(self):
        if "outbox" not in self._made:
            self._make_outbox()
        return self._made["outbox"]

    def _make_outbox(self) -> None:
        import binascii

        from node_core.keys import derive_root
        from node_io import borrowed, nvs
        from node_io.sleeping_outbox import SleepingOutbox
        from node_io.sleeping_store import SleepingStore

        memory = self.memory
        named = self.config.get("node")
        self.node_id = binascii.unhexlify(named) if named else machine.unique_id()
        self.name = binascii.hexlify(self.node_id).decode()
        self.generation = max(self.config.get("generation", 0), nvs.get("generation"))
        self.root = derive_root(self._master, self.generation)
        self.measurements = borrowed.call("node_core.configuration", "all_measurements", self.config)
        waits_s = borrowed.call("node_core.configuration", "first_waits_s", self.measurements)
        store = SleepingStore("queue", memory.segments, waits_s)
        outbox = self._made["outbox"] = SleepingOutbox(self.root, self.node_id, store, self, memory, self.is_resumed)
        outbox.may_drain = self.clock.now_ms() // 1000 - memory.drained_s >= _DRAIN_PAUSE_S

    @property
    def link(self):
        if "link" not in self._made:
            from node_io.duty_link import Link

            self.outbox  # noqa: B018  (identity and keys come with it)
            self._made["link"] = Link(self)
        return self._made["link"]

    def _city_ms(self):
        now_ms = self.clock.now_ms()
        return self.time.city_ms(now_ms) if self.time.is_synchronised(now_ms) else None

    # One wake

    async def live(self) -> int:
        """Everything that there is to do. Returns for how many milliseconds to sleep."""
        memory = self.memory
        connect_ms = int(self._settings.get("connect_s", 3600)) * 1000
        wakes_max = int(self._settings.get("connect_wakes", 12))
        turns = 0
        why = self._why
        if why == "timer" and self._is_pin_active():
            why = "pin"  # it was, so nobody waited for it
        elif why == "pin":
            memory.pin_wakes(self._began_ms, 1)
        if memory.is_unsettled:
            self._settle(False)
        while True:
            # A boot is judged in wakes in which the application has run.
            is_app_due = why != "timer" or memory.is_unsettled or self.clock.now_ms() >= memory.app_due_ms - _EARLY_MS
            if is_app_due:
                await self._run_app(why)
                if memory.pin_wakes(self.clock.now_ms()) * 2 > duties.PIN_STORM:
                    self.fault("pins", "they wake the board without end")
                self._report_faults()
            if self._has_queued:
                memory.wakes += 1
                self._has_queued = False
            if memory.is_link_due(self.clock.now_ms(), connect_ms, wakes_max):
                self._let_go()
                why = await self.link.connect(max(1000, self._began_ms + _AWAKE_MS_MAX - self.clock.now_ms()))
                if self.is_debug or not self.link.has_met_broker:
                    say("net", why)
            if memory.is_unsettled:
                self._settle(True)
            turns += 1
            is_long = self.clock.now_ms() - self._began_ms >= _AWAKE_MS_MAX
            if is_long or turns >= _PIN_TURNS or not self._is_pin_active():
                break
            why = "pin"
        while self.clock.now_ms() < self.stay_until_ms:
            await asyncio.sleep_ms(50)
        if "outbox" in self._made:
            self.outbox.lay_down()
        return memory.sleep_ms(self.clock.now_ms(), connect_ms)

    async def _run_app(self, why: str) -> None:
        memory = self.memory
        self._broken = {}
        self._is_app_well = False
        before = list(sys.modules)
        app = self.app
        sleep_s = _APP_RETRY_S
        if app is not None:
            try:
                work = app.wake(self.report, self.fault, memory.state, why)
                state, sleep_s, pins = await asyncio.wait_for(work, _APP_MS_MAX / 1000)
                if state is not None and len(state) > _STATE_BYTES_MAX:
                    raise ValueError("a state of %d bytes, at most %d" % (len(state), _STATE_BYTES_MAX))
                memory.state = None if state is None else bytes(state)
                for role, _ in pins:
                    self.board.pin(role)
                memory.pins = [(role, 1 if level else 0) for role, level in pins]
                self._is_app_well = "app" not in self._broken
            except asyncio.TimeoutError:
                self._app_failed(ValueError("no end after %d s" % (_APP_MS_MAX // 1000)))
                sleep_s = _APP_RETRY_S
            except Exception as error:
                self._app_failed(error)
                sleep_s = _APP_RETRY_S
        self._of_app += [name for name in sys.modules if name not in before and name not in self._of_node]
        memory.app_due_ms = self.clock.now_ms() + max(50, int(min(sleep_s, _SLEEP_S_MAX) * 1000))

    def _let_go(self) -> None:
        """Before the radio is used, give back what only the application needs, unless it says `stays`: it counts, say, meanwhile."""
        from node_io import borrowed

        if getattr(self._made.get("app"), "stays", False):
            return
        self._made.pop("app", None)
        for name in self._of_app:
            if name in sys.modules:
                borrowed.forget(name)
        self._of_app = []
        gc.collect()

    def _app_failed(self, error: Exception) -> None:
        sys.print_exception(error)
        self.fault("app", "%s: %s" % (type(error).__name__, error))

    # Readings in

    def report(self, readings, at_ms=None, urgent: bool = False) -> None:
        """Make one frame of (name, value) or (name, value, offset in ms) readings."""
        before = list(sys.modules)
        self._report(readings, at_ms, urgent)
        self._of_node += [name for name in sys.modules if name not in before]

    def _report(self, readings, at_ms, urgent: bool) -> None:
        from node_core.backlog import ALARM, LANES, TREND
        from node_core.senml import encode_pack

        outbox = self.outbox
        lane = ALARM if urgent else TREND
        deadline_s = 0 if urgent else 3600
        records: list = []
        for reading in readings:
            row = self.measurements.get(reading[0])
            if row is None:
                self.fault("app", "unknown measurement %s" % reading[0])
                continue
            lane = min(lane, LANES.index(row[3]))
            deadline_s = min(deadline_s, int(row[4]))
            records.append((reading[0], row[0], row[1], row[2], reading[1], reading[2] if len(reading) > 2 else 0))
        if not records:
            return
        now_ms = self.clock.now_ms()
        at_ms = now_ms if at_ms is None else at_ms
        try:
            if self.time.is_synchronised(now_ms):
                pack = encode_pack(records, self.time.city_ms(at_ms), None)
            else:
                pack = encode_pack(records, at_ms, outbox.numbers.boot)
                self.memory.wants_anchor = True
            sequence = outbox.queue(lane, pack, deadline_s, now_ms // 1000)
        except (ValueError, TypeError) as error:
            self.fault("app", "a reading that does not fit its profile: %s" % error)
            return
        if lane == ALARM:
            self.memory.note_new(duties.ALARM)
        elif deadline_s <= _URGENT_S:
            self.memory.note_new(duties.URGENT)
        self._has_queued = True
        outbox.keep()
        if not self.remember():
            outbox.flush()
        # From here on it is a promise.
        if self.is_debug:
            say("queued", "%s %d %d %s" % (_hexadecimal(outbox.numbers.epoch), sequence, len(records), LANES[lane]))

    def fault(self, part: str, reason: str) -> None:
        """Note what is broken in this wake. What no wake names any more is mended."""
        if reason and self._broken.get(part) != reason:
            say("fault", "%s: %s" % (part, reason))
            self._broken[part] = reason
        elif not reason:
            self._broken.pop(part, None)

    def _report_faults(self) -> None:
        text = "; ".join(["%s: %s" % pair for pair in sorted(self._broken.items())])[:120]
        crc = _crc(text.encode())
        if crc != self.memory.fault_crc:
            self.memory.fault_crc = crc
            self.report([("fault", text)])

    def report_result(self, gateway_id: str, command_id: int, result: int) -> None:
        """What became of a command (docs/wire.md section 4)."""
        from node_core import cbor

        self.report([("cmd", cbor.encode([gateway_id, command_id, result]))])

    def report_lost(self) -> bool:
        """Queue what was given up and not yet reported, and forget it. False where there is none."""
        from node_io import borrowed

        return borrowed.call("node_io.seldom", "report_lost", self)

    # What others ask of a node

    def is_app_well(self) -> bool:
        return self._is_app_well

    def has_met_broker(self) -> bool:
        return "link" in self._made and self.link.has_met_broker

    def use_root(self, root: bytes, generation: int) -> None:
        """Move to another key generation, which is stored already. Frames that wait keep the key of their day."""
        from node_io import borrowed

        self.generation = generation
        self.root = root
        self.link.use_root(root)
        borrowed.call("node_io.queue_rare", "use_root", self.outbox, root)
        say("key", "generation %d" % generation)

    def restart(self, why: str) -> None:
        """Start again, now. What waits in memory is brought to flash first."""
        say("restart", why)
        self.outbox.flush()
        machine.reset()

    def acked(self, epoch: bytes, sequence: int) -> None:
        if self.is_debug:
            say("acked", "%s %d" % (_hexadecimal(epoch), sequence))

    def lost(self, epoch: bytes, first: int, last: int, reason: int) -> None:
        say("lost", "%s %d-%d %s" % (_hexadecimal(epoch), first, last, ("full", "damaged", "power")[reason]))

    def new_epoch(self, epoch: bytes, why: str) -> None:
        say("epoch", "%s: %s" % (_hexadecimal(epoch), why))
        self.memory.wants_anchor = True

    def _settle(self, is_over: bool) -> None:
        """A sleeping node does not live for a minute: its boot is good once a wake was, broker and all where that is on trial."""
        from node_io import borrowed

        if not is_over:  # who commands it has to know
            self.trial = borrowed.call("node_io.config_store", "running")
            return
        self.outbox  # noqa: B018  (`report_result` needs it)
        again_ms = borrowed.call("node_io.settled", "look", self, self.clock.now_ms())
        self.memory.is_unsettled = again_ms is not None

    # Sleep

    def _is_pin_active(self) -> bool:
        return any([self.board.pin(role).value() == level for role, level in self.memory.pins])

    def remember(self) -> bool:
        memory = self.memory
        if "time" in self._made:
            memory.is_synchronised, memory.offset_ms, memory.bound_ms, memory.known_at_ms = self.time.dump()
        try:
            return kept_over_reset.write_area("sleep", memory.pack())
        except ValueError:
            return False

    def sleep(self, sleep_ms: int) -> None:
        """Does not return."""
        memory = self.memory
        armed = []
        is_storm = memory.pin_wakes(self.clock.now_ms()) > duties.PIN_STORM
        for role, level in memory.pins:
            pin = self.board.pin(role)
            if is_storm or pin.value() == level:  # it would end every sleep at once, and the battery with it
                sleep_ms = min(sleep_ms, _PIN_STUCK_S * 1000)
                say("sleep", "not waiting for %s to be %d" % (role, level))
            else:
                armed.append((pin, level))
        try:
            _arm(armed, getattr(self.board, "wakes_by_gpio", False) if armed else False)
        except (ValueError, AttributeError) as error:  # MicroPython before 1.27 has no way on an ESP32-C3
            sleep_ms = min(sleep_ms, _PIN_STUCK_S * 1000)
            say("sleep", "cannot wait for these pins: %s" % error)
        memory.is_asleep = True
        memory.slept_at_ms = self.clock.now_ms()
        memory.slept_at_rtc_ms = _rtc_ms()
        if not self.remember():
            if "outbox" in self._made:
                self.outbox.flush()
            kept_over_reset.write_area("sleep", b"")
        machine.deepsleep(sleep_ms)


def _arm(pins: list, by_gpio: bool) -> None:
    """ext0 takes one pin of either level; ext1 any number that wake when high, or one that wakes when low. By GPIO: any number of one level."""
    import esp32

    pins.sort(key=lambda pair: pair[1])  # a low one first
    if by_gpio:
        level = pins[0][1]
        together = [pin for pin, of_pin in pins if of_pin == level]
        esp32.wake_on_gpio(together, bool(level))  # type: ignore[attr-defined]
        if pins[-1][1] != level:
            raise ValueError("these pins cannot wake the board together")
        return
    if pins:
        esp32.wake_on_ext0(pins[0][0], bool(pins[0][1]))
    rest = pins[1:]
    if rest:
        if rest[0][1] != rest[-1][1] or (not rest[0][1] and len(rest) > 1):
            raise ValueError("these pins cannot wake the board together")
        level = esp32.WAKEUP_ANY_HIGH if rest[0][1] else esp32.WAKEUP_ALL_LOW
        esp32.wake_on_ext1(tuple([pin for pin, _ in rest]), level)


def _rtc_ms() -> int:
    return time.time_ns() // 1_000_000


def _woken_at_ms(memory) -> int:
    """Node time now; what was slept counts against what is known of the city's time."""
    from node_core.sleeping_time import SLEEP_DRIFT_PPM

    slept_ms = max(0, _rtc_ms() - memory.slept_at_rtc_ms)
    memory.bound_ms = min(0xFFFFFFFF, memory.bound_ms + slept_ms * SLEEP_DRIFT_PPM // 1_000_000)
    return memory.slept_at_ms + slept_ms


def _hexadecimal(raw: bytes) -> str:
    return "".join(["%02x" % byte for byte in raw])


def _crc(raw: bytes) -> int:
    import binascii

    return binascii.crc32(raw) & 0xFFFFFFFF if raw else 0


def _memory():
    """What the last wake has left, or None."""
    data = kept_over_reset.read_area("sleep")
    try:
        return None if data is None else duties.unpack(data)
    except ValueError:
        return None


def resume() -> bool:
    """Go on after deep sleep. False where there is nothing to go on with: then this is a boot. True where somebody stopped it."""
    memory = _memory()
    if memory is None or not memory.is_asleep:
        return False
    memory.is_asleep = False
    # Whatever happens now, no later start takes this for an orderly sleep.
    kept_over_reset.write_area("sleep", memory.pack())
    from node_io import nvs

    try:
        with open("config.good" if memory.is_fallback else "config.json") as file:
            config = json.load(file)
        master = nvs.master()
    except (OSError, ValueError, RuntimeError):
        return False  # a boot explains what is wrong
    if not config.get("sleeps"):
        return False
    why = "timer" if machine.wake_reason() == machine.TIMER_WAKE else "pin"
    return _run(config, master, memory, True, why, None)


def start(config: dict, master: bytes, situation: dict) -> None:
    """A boot. `situation` is what node_io/start.py has found."""
    from node_io import borrowed, nvs

    left = _memory()
    memory = duties.Duty()
    if left is not None:
        memory.frames, memory.epoch, memory.next = left.frames, left.epoch, left.next
        memory.reserved, memory.boot = left.reserved, left.boot
        if nvs.get("boots") & 0xFF < 2:  # the second failed boot in a row: it may be what the application remembers
            memory.state = left.state
    memory.is_unsettled = True
    memory.segments = borrowed.call("node_io.start", "segments_max", config)
    memory.is_fallback = bool(situation["fell_back"])
    memory.is_weak = situation["weak"]
    memory.waits = duties.URGENT  # whoever has switched it on wants to see it
    _run(config, master, memory, False, "power", situation)


def _run(config: dict, master: bytes, memory, is_resumed: bool, why: str, situation) -> bool:
    wake = None
    try:
        wdt = machine.WDT(timeout=_WATCHDOG_MS)
        wake = Wake(config, master, memory, is_resumed, why)
        if situation is not None:
            from node_io.duty_link import report_start

            report_start(wake, situation)
        elif wake.is_debug:
            say("wake", why)
        wake.sleep(asyncio.run(wake.live()))
    except KeyboardInterrupt:
        wdt = machine.WDT(timeout=_AT_THE_PROMPT_MS)
        wdt.feed()
        from node_io import borrowed

        borrowed.call("node_io.settled", "stopped")
    except Exception as error:
        from node_io import borrowed

        borrowed.call("node_io.crash_report", "end", wake, error)
        machine.reset()
    return True
