# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`select` with time-outs in simulated time, for sockets of the simulated network and for objects with `ioctl`."""

import simclock as _clock
import uselect as _host

POLLIN = _host.POLLIN
POLLOUT = _host.POLLOUT
POLLERR = _host.POLLERR
POLLHUP = _host.POLLHUP

_STREAM_POLL = 3  # MP_STREAM_POLL of the stream protocol


class poll:
    def __init__(self):
        self._objects = {}  # id -> [object, events]
        self._host_poll = _host.poll()
        self._has_link = False
        self._found = []

    def register(self, obj, eventmask=POLLIN | POLLOUT):
        self._objects[id(obj)] = [obj, eventmask]
        host = getattr(obj, "host_socket", None)
        if host is not None:
            self._host_poll.register(host, eventmask)
        elif not hasattr(obj, "ioctl"):
            self._host_poll.register(obj, eventmask)

    def modify(self, obj, eventmask):
        if id(obj) not in self._objects:
            raise OSError(2)
        self._objects[id(obj)][1] = eventmask
        host = getattr(obj, "host_socket", None)
        if host is not None:
            self._host_poll.modify(host, eventmask)
        elif not hasattr(obj, "ioctl"):
            self._host_poll.modify(obj, eventmask)

    def unregister(self, obj):
        if self._objects.pop(id(obj), None) is None:
            return
        host = getattr(obj, "host_socket", None)
        try:
            if host is not None:
                self._host_poll.unregister(host)
            elif not hasattr(obj, "ioctl"):
                self._host_poll.unregister(obj)
        except (OSError, ValueError):
            pass  # closed meanwhile

    def _look(self):
        """Fill `_found` with (object, events); True where there is one."""
        found = self._found = []
        objects = self._objects
        if not objects:
            return False
        for entry in objects.values():
            obj, events = entry
            if hasattr(obj, "host_socket"):
                ready = obj.poll_state(events)
            elif hasattr(obj, "ioctl"):
                ready = obj.ioctl(_STREAM_POLL, events)
            else:
                probe = _host.poll()
                probe.register(obj, events)
                result = probe.poll(0)
                ready = result[0][1] if result else 0
            if ready:
                found.append((obj, ready))
        return bool(found)

    def poll(self, timeout_ms=-1):
        return list(self.ipoll(timeout_ms))

    def ipoll(self, timeout_ms=-1, flags=0):
        deadline_us = None
        if timeout_ms is not None and timeout_ms >= 0:
            deadline_us = _clock.look(0) + timeout_ms * 1000
        poller = None
        if self._objects and deadline_us != _clock.now_us and _clock.link_is_up():
            # While the simulated network is down its sockets are silent, but the host's are not: they may not wake us.
            poller = self._host_poll
            link = _clock.link_socket()
            if link is not None and not self._has_link:
                poller.register(link, POLLIN)
                self._has_link = True
        _clock.wait(deadline_us, self._look, poller)
        return iter(self._found)


def select(rlist, wlist, xlist, timeout=-1):
    poller = poll()
    for obj in rlist:
        poller.register(obj, POLLIN)
    for obj in wlist:
        poller.register(obj, POLLOUT)
    found = poller.poll(-1 if timeout is None or timeout < 0 else int(timeout * 1000))
    reading = [obj for obj, events in found if events & POLLIN]
    writing = [obj for obj, events in found if events & POLLOUT]
    return reading, writing, []
