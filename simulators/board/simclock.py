# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The simulated board's time: one clock that hardware events, interrupts and waiting all go through.

Theory of operation
-------------------
`now_us` is the city's true time in microseconds since 1970. The firmware never sees it: it sees ticks since
boot and a real-time clock that is wrong until somebody sets it, as on a board.

Hardware models ask for events (`at`). Whoever looks at the time first runs every event that is due, in order, each
with the clock standing at the event's own instant. A host that stalls therefore delays the simulation, but no
interrupt comes at a wrong simulated time, and a sample is lost only where a board would lose it.

Rate n > 0: true time runs n times faster than the host's, anchored to `STARTCITY_CLOCK`, so that several
virtual machines and the gateway agree. A host that stalls is caught up while the firmware waits, in steps of at most `STEP_US`,
so that tasks keep their order and a watchdog is not blamed for the host. Firmware that computes sees at most `CODE_STEP_US` pass between two
looks at the time: else a late host would make it a board of a hundredth of its speed, which never gets its frames out.
Rate 0 (jump mode): waiting jumps to the next event or deadline; nothing else takes time except what
`spend` charges for touching a pin.

With interrupts off, or inside an interrupt handler, only `spend` moves the clock: there the board's CPU
does nothing else either. `busy` stands for a CPU that hears no interrupt at all, such as a flash erase; `block` for a
call of the system's during which interrupts are heard but no handler of MicroPython's runs: a scan for networks.
"""

import utime as _host
import uselect as _host_select
from uos import getenv

TICKS_MASK = (1 << 30) - 1  # the ESP32 port's ticks wrap at 2^30
STEP_US = 50_000
CODE_STEP_US = 2_000
PIN_US = 1  # charged for one pin operation; an ESP32 takes 1 to 4 us
_SCHEDULER_DEPTH = 8  # MICROPY_SCHEDULER_DEPTH of the ESP32 port: more pending callbacks are dropped
_LINK_POLL_US = 2_000  # host time between two looks at the world's socket while busy
_IDLE_MS = 200  # longest uninterrupted host wait

rate = 1
now_us = 0
boot_us = 0
ticks_start_us = 0
rtc_offset_us = 0  # true time minus the board's own clock

irq_off_count = 0
in_handler = False
_is_blocked = False
dropped_callbacks = 0

skipped_us = 0  # how far sleeps ran ahead of the host, see `sleep`
_skips_sleep = False

_base_us = 0
_base_host_us = 0
_events = []  # [at_us, function], ascending; a handful at most
_pending = []  # (handler, argument) of interrupts not yet served
_link = None  # object with `socket`, `receive()`; see world.py
_link_host_us = 0
_host_poll = _host_select.poll()


def configure(text):
    """Set rate and origin from `rate:<n>,epoch_ms:<wall>,real_ms:<host unix time at which the simulation began>`.

    With `skip_sleep:1` deep sleep takes no host time: the clock runs ahead, and who shares it is told (boot_node.py).
    """
    global rate, now_us, boot_us, _base_us, _base_host_us, rtc_offset_us, ticks_start_us, _skips_sleep
    fields = {}
    for part in (text or "").split(","):
        if ":" in part:
            key, value = part.split(":", 1)
            fields[key] = int(value)
    host_ms = _host.time_ns() // 1_000_000
    rate = fields.get("rate", 1)
    _skips_sleep = bool(fields.get("skip_sleep", 0))
    real_ms = fields.get("real_ms", host_ms)
    epoch_ms = fields.get("epoch_ms", real_ms)
    _base_host_us = _host.ticks_us()
    _base_us = epoch_ms * 1000 + ((host_ms - real_ms) * 1000 * rate if rate else 0)
    now_us = boot_us = _base_us
    ticks_start_us = int(getenv("STARTCITY_TICKS_START_MS") or 0) * 1000
    rtc_offset_us = now_us - 946_684_800_000_000  # a board without power for its clock wakes on 2000-01-01


def attach_link(link):
    global _link
    _link = link
    if link is not None and link.socket is not None:
        _host_poll.register(link.socket, _host_select.POLLIN)


def detach_link():
    global _link
    if _link is not None and _link.socket is not None:
        _host_poll.unregister(_link.socket)
    _link = None


def at(when_us, function):
    """Run `function(when_us)` at that instant. Returns a token for `cancel`."""
    event = [when_us, function]
    index = len(_events)
    while index and _events[index - 1][0] > when_us:
        index -= 1
    _events.insert(index, event)
    return event


def cancel(event):
    if event in _events:
        _events.remove(event)


def interrupt(handler, argument):
    """A peripheral calls: served at once unless interrupts are off or a handler runs."""
    global dropped_callbacks
    if irq_off_count:  # the pin's status bit latches once, however many edges come
        for waiting in _pending:
            if waiting[1] is argument:
                return
    if len(_pending) >= _SCHEDULER_DEPTH:
        dropped_callbacks += 1
        return
    _pending.append((handler, argument))


def _serve():
    global in_handler
    if in_handler or irq_off_count or _is_blocked:
        return
    in_handler = True
    try:
        while _pending:
            handler, argument = _pending.pop(0)
            try:
                handler(argument)
            except Exception as error:  # the port prints it and goes on; the program never sees it
                import sys

                print("Unhandled exception in IRQ callback handler")
                sys.print_exception(error)
    finally:
        in_handler = False


def _run_until(target_us, serve=True):
    global now_us
    while _events and _events[0][0] <= target_us:
        when_us, function = _events.pop(0)
        if when_us > now_us:
            now_us = when_us
        function(when_us)
        if _pending and serve:
            _serve()
    if target_us > now_us:
        now_us = target_us


def _present_us():
    return _base_us + (_host.ticks_us() - _base_host_us) * rate


def look(cost_us=1, limit_us=None, step_us=CODE_STEP_US):
    """Bring the clock up to the present and run what is due. Every question about time comes through here.

    `limit_us`: do not go beyond it. One who waits for an instant is woken at that instant, however late the host is.
    """
    global _link_host_us
    if irq_off_count or in_handler:
        _run_until(now_us + cost_us)
        return now_us
    if _pending:
        _serve()
    if rate:
        target_us = _present_us()
        if target_us > now_us + step_us:
            target_us = now_us + step_us
        if limit_us is not None and target_us > limit_us:
            target_us = limit_us
        if target_us > now_us:
            _run_until(target_us)
    else:
        _run_until(now_us + cost_us)
    if _link is not None:
        host_us = _host.ticks_us()
        if host_us - _link_host_us > _LINK_POLL_US:
            _link_host_us = host_us
            _link.receive()
    return now_us


def spend(cost_us=PIN_US):
    """The CPU was busy with one operation of its own, interrupts being served in between."""
    if irq_off_count or in_handler or not rate:
        _run_until(now_us + cost_us)
    else:
        look()


def busy(duration_us):
    """The CPU hears nothing for this long (a flash erase): hardware goes on, callbacks come afterwards."""
    _run_until(now_us + duration_us, False)
    if _pending:
        _serve()


def block(duration_us):
    """MicroPython's task waits inside the system: callbacks queue up, as many as the queue takes, and come afterwards."""
    global _is_blocked
    _is_blocked = True
    try:
        wait(look(0) + duration_us)
    finally:
        _is_blocked = False
    if _pending:
        _serve()


def irq_off():
    global irq_off_count
    irq_off_count += 1
    return irq_off_count - 1


def irq_on(state):
    global irq_off_count
    irq_off_count = state
    if not state and _pending:
        _serve()


def wait(deadline_us, is_ready=None, poller=None):
    """Wait until true time `deadline_us` (None: for ever) or until `is_ready()`.

    `poller` is a host poll object whose descriptors also end a host wait; without it only the world's link does.
    """
    while True:
        look(0, deadline_us, STEP_US)
        if is_ready is not None and is_ready():
            return
        if deadline_us is not None and now_us >= deadline_us:
            return
        target_us = deadline_us
        if _events and (target_us is None or _events[0][0] < target_us):
            target_us = _events[0][0]
        if in_handler or irq_off_count or not rate:
            if target_us is not None:
                _run_until(target_us)
                continue
            host_ms = _IDLE_MS
        elif target_us is None:
            host_ms = _IDLE_MS
        else:
            host_ms = (target_us - _present_us()) // (1000 * rate)
            if host_ms <= 0:  # less than a millisecond of host time: too short for poll
                short_us = (target_us - _present_us()) // rate
                if short_us > 0 and poller is None:
                    _host.sleep_us(short_us)
                elif short_us > 300:
                    _host.sleep_us(200)
                continue
        _host_wait(min(host_ms, _IDLE_MS), poller)


def sleep(deadline_us, is_woken):
    """Deep sleep: until true time `deadline_us` (None: for ever) or until `is_woken()`, the chips going on."""
    global _base_us, skipped_us
    if not (_skips_sleep and rate):
        wait(deadline_us, is_woken)
        return
    present_us = _present_us()
    while not is_woken() and (deadline_us is None or now_us < deadline_us):
        target_us = deadline_us
        if _events and (target_us is None or _events[0][0] < target_us):
            target_us = _events[0][0]
        if target_us is None:
            raise ValueError("a sleep without a timer, and nothing that could end it")
        _run_until(target_us)
    ahead_us = now_us - present_us  # negative where code has lagged behind the host for longer than the sleep
    _base_us += ahead_us
    skipped_us += ahead_us


def skip(duration_us):
    """Another process of this board has run ahead by so much. Before anything else."""
    global _base_us, skipped_us, now_us, boot_us
    _base_us += duration_us
    skipped_us += duration_us
    now_us = boot_us = now_us + duration_us


def restart(when_us):
    """The board starts at this moment: its ticks begin anew, and nothing of the last run waits."""
    global boot_us, ticks_start_us, irq_off_count, in_handler
    boot_us = when_us
    ticks_start_us = irq_off_count = 0
    in_handler = False
    del _pending[:]


def _host_wait(host_ms, poller):
    if poller is not None:
        poller.poll(host_ms)
        receive_link()
    elif _link is not None and _link.socket is not None:
        if _host_poll.poll(host_ms):
            _link.receive()
    else:
        _host.sleep_ms(host_ms)


def link_socket():
    return None if _link is None else _link.socket


def receive_link():
    if _link is not None:
        _link.receive()


def link_is_up():
    """Whether packets pass: the simulated Wi-Fi is connected. `network` replaces this when it is loaded."""
    return True


configure(getenv("STARTCITY_CLOCK"))
