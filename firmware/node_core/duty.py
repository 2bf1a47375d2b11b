# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a sleeping node remembers from one wake to the next, and when it connects. No radio, no file, no clock in here.

Theory of operation
-------------------
*When to connect.* At once for what is urgent: an alarm, or a reading that the gateway would seal within a minute. Else
when the frames that nobody has sent yet fill half of the memory, when `wakes_max` wakes have reported something or the last
connection is `connect_ms` ago, or when flash holds a backlog; and every six hours as a sign of life. Waiting costs delay, never a reading.

*When nobody answers.* Each attempt in vain doubles the time to the next one: from 1 min to 1 h, while an alarm waits from 15 s to
10 min, and each hour after a day. A first alarm shortens the wait to a minute at most. So an outage costs a bounded charge however long it lasts.

*When a pin never rests*, each edge would cost a start. After 4,000 wakes in a row the pins wake the board twice a minute and no more.

*What is remembered*, big-endian, in the area `sleep` of node_io/kept_over_reset.py (at most 1,528 bytes, under a CRC):

    format u8 | head (_HEAD) | tails: 3 x (number u32, bytes u16) | pins: u8, text | state: u16, bytes | frames
    frame = lane u8 | tries u8 | first wait u16 | due u32 | length u16 | bytes

Times are node time in ms unless the name says otherwise. Without this memory a node starts as after a power cut.
"""

import struct

_FORMAT = 2
_HEAD = ">8sIIIqqqIqqqqqHBBBIBI6sHq"
_FRAME = ">BBHIH"
FRAME_HEAD_BYTES = 10
AREA_BYTES_MAX = 1528

NOTHING = 0
URGENT = 1  # to be sent at once
ALARM = 2

_SIGN_OF_LIFE_MS = 21_600_000
_RETRY_MS = 60_000
_RETRY_MS_MAX = 3_600_000
_ALARM_RETRY_MS = 15_000
_ALARM_RETRY_MS_MAX = 600_000
_NEW_ALARM_FAILURES = 3
_DRAIN_PAUSE_MS = 330_000  # the longest that a gateway needs to acknowledge what was sent
_DAY_FAILURES = 150  # of attempts for an alarm; after that they come each hour, and for a new one
_PIN_MS = 30_000  # so often a pin may wake the board in the long run
PIN_STORM = 4000  # and so many times in a row

_HAS_STATE = 1
_IS_SYNCHRONISED = 2
_WANTS_ANCHOR = 4
_HAS_BACKLOG = 8
_IS_ASLEEP = 16
_IS_UNSETTLED = 32
_IS_FALLBACK = 64
_IS_WEAK = 128


class Duty:
    """The memory of a sleeping node. A new one knows nothing, as after a power cut."""

    def __init__(self) -> None:
        self.epoch = bytes(8)
        self.next = 0  # the next frame's number
        self.reserved = 0
        self.boot = 0
        self.slept_at_ms = 0
        self.slept_at_rtc_ms = 0  # what the board's own clock said then
        self.offset_ms = 0  # city time minus node time
        self.bound_ms = 0
        self.known_at_ms = 0
        self.app_due_ms = 0  # when the application wants to be called
        self.connected_ms = 0  # the last time that the gateway's broker was reached
        self.tried_ms = 0
        self.diagnosed_ms = 0
        self.wakes = 0  # with something to report, since then
        self.failures = 0  # attempts in vain in a row
        self.waits = NOTHING  # the most urgent of what waits
        self.fault_crc = 0  # of the last fault that was reported
        self.network = 255  # place among the configured ones
        self.drained_s = 0  # when the backlog on flash was last sent
        self.access_point = bytes(6)
        self.pins_rest_ms = 0  # when the wakes by pins will be paid for
        self.segments = 4  # as many as the queue on flash may have
        self.is_synchronised = False
        self.wants_anchor = False
        self.has_backlog = False  # flash holds what no connection has carried yet
        self.is_asleep = False  # this was written as the last thing before deep sleep
        self.is_unsettled = False  # the boot does not count as good yet (node_io/settled.py)
        self.is_fallback = False  # the last good configuration is in use
        self.is_weak = False  # the radio sends with less power
        self.tails: list = [None, None, None]  # by lane: (number, bytes) of the segment being written
        self.pins: list = []  # [(role, level)] that may wake the board
        self.state: bytes = None  # the application's
        self.frames: list = []  # (lane, tries, first wait in s, due in s, frame)

    def pack(self) -> bytes:
        """Raises: ValueError where it does not fit; the caller brings frames to flash first."""
        flags = (
            (self.state is not None) * _HAS_STATE
            | self.is_synchronised * _IS_SYNCHRONISED
            | self.wants_anchor * _WANTS_ANCHOR
            | self.has_backlog * _HAS_BACKLOG
            | self.is_asleep * _IS_ASLEEP
            | self.is_unsettled * _IS_UNSETTLED
            | self.is_fallback * _IS_FALLBACK
            | self.is_weak * _IS_WEAK
        )
        out = bytearray([_FORMAT])
        out.extend(
            struct.pack(
                _HEAD,
                self.epoch,
                self.next,
                self.reserved,
                self.boot,
                self.slept_at_ms,
                self.slept_at_rtc_ms,
                self.offset_ms,
                self.bound_ms,
                self.known_at_ms,
                self.app_due_ms,
                self.connected_ms,
                self.tried_ms,
                self.diagnosed_ms,
                min(self.wakes, 0xFFFF),
                self.failures,
                self.waits,
                flags,
                self.fault_crc,
                self.network,
                self.drained_s,
                self.access_point,
                self.segments,
                self.pins_rest_ms,
            )
        )
        for tail in self.tails:
            out.extend(struct.pack(">IH", *(tail or (0, 0))))
        pins = ",".join(["%s=%d" % pair for pair in self.pins]).encode()
        out.append(len(pins))
        out.extend(pins)
        state = self.state or b""
        out.extend(struct.pack(">H", len(state)))
        out.extend(state)
        for lane, tries, wait_s, due_s, frame in self.frames:
            out.extend(struct.pack(_FRAME, lane, tries, wait_s, due_s, len(frame)))
            out.extend(frame)
        if len(out) > AREA_BYTES_MAX:
            raise ValueError("%d bytes to remember, at most %d" % (len(out), AREA_BYTES_MAX))
        return bytes(out)

    def frames_bytes(self) -> int:
        return sum([FRAME_HEAD_BYTES + len(entry[4]) for entry in self.frames])

    def room_bytes(self) -> int:
        """For frames, beside everything else."""
        used = 1 + struct.calcsize(_HEAD) + 18 + 1 + 2 + len(self.state or b"")
        return AREA_BYTES_MAX - used - sum([len(role) + 3 for role, _ in self.pins])

    # When to connect

    def note_new(self, urgency: int) -> None:
        """A frame was queued."""
        if urgency == ALARM:  # beside one that waits already, it waits with it
            self.failures = min(self.failures, _DAY_FAILURES if self.waits == ALARM else _NEW_ALARM_FAILURES)
        self.waits = max(self.waits, urgency)

    def pin_wakes(self, now_ms: int, more: int = 0) -> int:
        """Count `more` wakes by a pin. Returns how many are not paid for yet; beyond PIN_STORM the pins are not to be waited for."""
        self.pins_rest_ms = max(self.pins_rest_ms, now_ms) + more * _PIN_MS
        return (self.pins_rest_ms - now_ms) // _PIN_MS

    def retry_ms(self) -> int:
        """How long after an attempt in vain the next one may come."""
        if not self.failures:
            return 0
        doubled = min(self.failures - 1, 6)
        if self.waits == ALARM and self.failures <= _DAY_FAILURES:
            return min(_ALARM_RETRY_MS << doubled, _ALARM_RETRY_MS_MAX)
        return min(_RETRY_MS << doubled, _RETRY_MS_MAX)

    def is_link_due(self, now_ms: int, connect_ms: int, wakes_max: int) -> bool:
        # A wake that comes for the application a little earlier serves, and spares one of its own.
        if self.failures and now_ms - self.tried_ms < self.retry_ms() * 3 // 4:
            return False
        if self.waits or self.wakes >= wakes_max or now_ms >= self._latest_ms(connect_ms):
            return True
        if self._unsent_bytes() * 2 >= self.room_bytes():
            return True
        return self.has_backlog and now_ms - self.connected_ms >= _DRAIN_PAUSE_MS

    def _unsent_bytes(self) -> int:
        return sum([FRAME_HEAD_BYTES + len(entry[4]) for entry in self.frames if not entry[1]])

    def _latest_ms(self, connect_ms: int) -> int:
        """When to connect at the latest: soon if something waits to be sent, and as a sign of life otherwise."""
        return self.connected_ms + (connect_ms if self._unsent_bytes() else max(connect_ms, _SIGN_OF_LIFE_MS))

    def link_ended(self, now_ms: int, is_reached: bool, waits: int) -> None:
        """After an attempt. `waits`: the most urgent of what is still to be sent; ALARM also for one that nobody has acknowledged.

        Handed over without an acknowledgement, an alarm comes again soon, as after an attempt in vain.
        """
        self.tried_ms = now_ms
        self.waits = waits
        if is_reached:
            self.connected_ms = now_ms
            self.wakes = 0
        if is_reached and not waits:
            self.failures = 0
        else:
            self.failures = min(self.failures, _DAY_FAILURES) + 1

    def sleep_ms(self, now_ms: int, connect_ms: int) -> int:
        """Until the application is due, or what must be sent before."""
        until_ms = self.app_due_ms
        if self.waits:
            until_ms = min(until_ms, self.tried_ms + self.retry_ms())
        elif not self.failures:
            until_ms = min(until_ms, self._latest_ms(connect_ms))
        return max(50, until_ms - now_ms)


def unpack(data: bytes) -> Duty:
    """Raises: ValueError where the bytes are none of ours."""
    size = struct.calcsize(_HEAD)
    if len(data) < 1 + size or data[0] != _FORMAT:
        raise ValueError("not a sleeping node's memory")
    duty = Duty()
    (
        duty.epoch,
        duty.next,
        duty.reserved,
        duty.boot,
        duty.slept_at_ms,
        duty.slept_at_rtc_ms,
        duty.offset_ms,
        duty.bound_ms,
        duty.known_at_ms,
        duty.app_due_ms,
        duty.connected_ms,
        duty.tried_ms,
        duty.diagnosed_ms,
        duty.wakes,
        duty.failures,
        duty.waits,
        flags,
        duty.fault_crc,
        duty.network,
        duty.drained_s,
        duty.access_point,
        duty.segments,
        duty.pins_rest_ms,
    ) = struct.unpack(_HEAD, data[1 : 1 + size])
    duty.is_synchronised = bool(flags & _IS_SYNCHRONISED)
    duty.wants_anchor = bool(flags & _WANTS_ANCHOR)
    duty.has_backlog = bool(flags & _HAS_BACKLOG)
    duty.is_asleep = bool(flags & _IS_ASLEEP)
    duty.is_unsettled = bool(flags & _IS_UNSETTLED)
    duty.is_fallback = bool(flags & _IS_FALLBACK)
    duty.is_weak = bool(flags & _IS_WEAK)
    at = 1 + size
    for i in range(3):
        number, size_bytes = struct.unpack(">IH", data[at : at + 6])
        duty.tails[i] = (number, size_bytes) if size_bytes else None
        at += 6
    text = data[at + 1 : at + 1 + data[at]].decode()
    for pair in text.split(",") if text else ():
        role, level = pair.split("=")
        duty.pins.append((role, int(level)))
    at += 1 + data[at]
    (length,) = struct.unpack(">H", data[at : at + 2])
    if flags & _HAS_STATE:
        duty.state = data[at + 2 : at + 2 + length]
    at += 2 + length
    while at < len(data):
        lane, tries, wait_s, due_s, length = struct.unpack(_FRAME, data[at : at + FRAME_HEAD_BYTES])
        at += FRAME_HEAD_BYTES
        if at + length > len(data):
            raise ValueError("not a sleeping node's memory")
        duty.frames.append((lane, tries, wait_s, due_s, data[at : at + length]))
        at += length
    return duty
