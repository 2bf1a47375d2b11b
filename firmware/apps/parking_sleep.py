# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Parking on a battery: what one wake does. It decides with the same code as the node that is always awake.

Why it wakes: the chip's pin (the field of some axis has changed by more than the threshold), or the timer (`recheck_s`: temperature moves
the field, so the chip is given the present field again; a heartbeat; the end of an allowed stay).

What it does: four samples. The field is at rest: their mean goes to the detector, which takes a lone sample as one of a field at rest;
report, arm the chip around the present field, sleep. It moves: a vehicle is manoeuvring. Waiting awake costs as much in a second as
starting anew, so it powers the chip down and looks again soon.

The threshold is `wake_nt`, chosen above the chip's noise, while the stall is empty or unknown. Above a vehicle that bends the field more, it rises
to 2/7 of that: when the vehicle goes, one axis changes by at least 1/sqrt(3) of it, and what the neighbours do wakes nobody.
A vehicle weaker than that on each axis, and a chip that cannot watch, are found by the timer: `recheck_s`, or `poll_s`.
"""

import struct

from node_core.parking_detector import OCCUPIED
from node_io import borrowed

_CAN_WATCH = ("lis3mdl",)  # chips with a threshold interrupt
_STEP_MS = 60
_MOVED_STEP_MS = 250  # something has moved: it rests only if it does so for longer
_REST_SAMPLES = 4
_AGAIN_S = 3
_LOOK_AGAIN_S = 5  # a vehicle that creeps seems to rest: after a movement it looks once more
_SLOWLY_S = 60
_TRIES_FAST = 20  # a minute of manoeuvring; after that something else moves the field
_REFUSALS_MAX = 5  # a vehicle that moves while the chip is armed looks like a chip that cannot watch
_RETRY_S = 300
_STATE = "<BBBB6q"
_VERSION = 1
_NEVER = -1


def _pack(app, tries, refusals):
    stay = app._stay
    flags = (
        (stay is not None and stay.is_over) | app._is_zeroing << 1 | ("self_test" in app._faults) << 2 | app._state << 3
    )
    times = [
        _NEVER if at_ms is None else at_ms
        for at_ms in (
            app._moving_ms,
            app._rest_ms,
            app._changed_ms,
            _NEVER if stay is None else stay.since_ms,
            app._reported_ms,
            app._kept_ms,
        )
    ]
    learnt = borrowed.call("node_core.parking_dump", "dump", app._detector) or b""
    return struct.pack(_STATE, _VERSION, flags, tries, refusals, *times) + learnt


def _unpack(app, state, goes_on):
    """(tries in vain, refusals of the chip to watch, whether the self-test had failed); zeros where the state is not one.

    Where the clock does not go on, times are of another clock: all but what was learnt begins anew.
    """
    size = struct.calcsize(_STATE)
    if state is None or len(state) < size or state[0] != _VERSION:
        return 0, 0, False
    parts = struct.unpack(_STATE, state[:size])
    if len(state) > size and not borrowed.call("node_core.parking_dump", "load", app._detector, state[size:]):
        return 0, 0, False
    app._is_zeroing = bool(parts[1] & 2)
    app._state = parts[1] >> 3 & 3
    if not goes_on:
        return 0, 0, False
    app._moving_ms, app._rest_ms, app._changed_ms = parts[4:7]
    if app._stay is not None and parts[7] != _NEVER:
        app._stay.begin(parts[7])
        app._stay.is_over = bool(parts[1] & 1)
    app._reported_ms = None if parts[8] == _NEVER else parts[8]
    app._kept_ms = parts[9]
    return parts[2], parts[3], bool(parts[1] & 4)


async def wake(app, report, fault, state, why):
    """See docs of the application's interface: -> (state, seconds to sleep, pins that wake)."""
    app._sleeps = True
    tries, refusals, has_failed = _unpack(app, state, why != "power")
    asked = app._kept.get("ask")
    if asked:
        app._kept.put("ask", b"")
        app._is_asked = True
        app._is_zeroing |= asked == b"zero"
    is_on = why == "power"
    pins = []
    try:
        sensor = await app._start(is_on)
        if has_failed and not is_on:  # what a wake does not name counts as mended
            app._note("self_test", "failed when the node was switched on", fault)
        is_armed = False
        if await _rests(app, sensor, fault, _STEP_MS if why == "timer" and not tries else _MOVED_STEP_MS):
            app._take(app._clock.now_ms(), report)
            if is_on:
                app._report_test(report, fault)
            is_armed = await _arm(app, sensor)
            refusals = 0 if is_armed else min(refusals + 1, 255)
            tries = 0
        else:
            tries = min(tries + 1, 255)
        if is_armed:
            pins.append(("sensor_int", 1))
        else:
            sensor.stop()
        sleep_s = _sleep_s(app, is_armed, tries, refusals)
        if why == "pin":
            sleep_s = min(sleep_s, _LOOK_AGAIN_S)
        if refusals >= _REFUSALS_MAX:
            text = "this magnetometer cannot wake the node: it looks every %d s" % app._settings["poll_s"]
            app._note("wake", text, fault)
    except OSError as error:
        app._failed(error, fault)
        sleep_s = _RETRY_S
    return _pack(app, tries, refusals), sleep_s, pins


async def _rests(app, sensor, fault, step_ms):
    """Take samples. True where they agree; `app._sample` is then their mean. False as soon as one does not."""
    sample = app._sample
    first: list = []
    total: list = [0, 0, 0]
    for i in range(_REST_SAMPLES):
        if i:
            await app._clock.sleep_ms(step_ms)
        if not await app._acquire(sensor):
            raise OSError(110, "no new measurements")
        if not app._is_field(app._clock.now_ms(), fault):
            return False
        first = first or list(sample)
        for axis in range(3):
            if abs(sample[axis] - first[axis]) > app._step_nt:
                return False
            total[axis] += sample[axis]
    for axis in range(3):
        sample[axis] = total[axis] // _REST_SAMPLES
    return True


async def _arm(app, sensor):
    """Whether the chip watches the field now."""
    settings = app._settings
    if settings["chip"] not in _CAN_WATCH:
        return False
    threshold_nt = settings["wake_nt"]
    if app._state == OCCUPIED and app._detector.deviation_nt is not None:
        threshold_nt = max(threshold_nt, app._detector.deviation_nt * 2 // 7)
    watch = __import__("node_io.drivers.%s_watch" % settings["chip"], None, None, ("arm",))
    return await watch.arm(sensor, threshold_nt, app._clock.sleep_ms)


def _sleep_s(app, is_armed, tries, refusals):
    settings = app._settings
    if tries or 0 < refusals < _REFUSALS_MAX:
        return _AGAIN_S if tries <= _TRIES_FAST else _SLOWLY_S
    now_ms = app._clock.now_ms()
    wait_ms = (settings["recheck_s"] if is_armed else settings["poll_s"]) * 1000
    if app._reported_ms is not None:
        wait_ms = min(wait_ms, app._reported_ms + settings["heartbeat_s"] * 1000 - now_ms)
    left_ms = None if app._stay is None else app._stay.left_ms(now_ms)
    if left_ms is not None:
        wait_ms = min(wait_ms, left_ms)
    return max(1, -(-wait_ms // 1000))
