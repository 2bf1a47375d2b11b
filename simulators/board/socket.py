# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`socket` as the ESP32 port has it: addresses are tuples, and nothing passes while the simulated Wi-Fi is down.

A connection that was open when the Wi-Fi went down is not told so, as with lwIP: reads find nothing, writes find no room,
and what TCP had already taken arrives when the link is back.
"""

import errno as _errno

import simclock as _clock
import uselect as _host_select
import usocket as _host

AF_INET = _host.AF_INET
AF_INET6 = _host.AF_INET6
SOCK_STREAM = _host.SOCK_STREAM
SOCK_DGRAM = _host.SOCK_DGRAM
SOCK_RAW = _host.SOCK_RAW
SOL_SOCKET = _host.SOL_SOCKET
SO_REUSEADDR = _host.SO_REUSEADDR
SO_BROADCAST = _host.SO_BROADCAST
SO_KEEPALIVE = _host.SO_KEEPALIVE
IPPROTO_IP = 0
IPPROTO_TCP = 6
IPPROTO_UDP = 17
TCP_NODELAY = 1
IP_ADD_MEMBERSHIP = _host.IP_ADD_MEMBERSHIP
IP_DROP_MEMBERSHIP = _host.IP_DROP_MEMBERSHIP

_EAI_FAIL = -202  # lwIP's answer where no name server can be asked
_POLL_REQUEST = 3


def _host_address(address):
    """A tuple, as lwIP takes it; bytes are the host's own form."""
    if isinstance(address, (bytes, bytearray)):
        return address
    return _host.getaddrinfo(address[0], address[1])[0][-1]


def getaddrinfo(host, port, af=0, type=0, proto=0, flags=0):
    if not _clock.link_is_up():
        raise OSError(_EAI_FAIL)
    try:
        found = _host.getaddrinfo(host, port)
    except OSError:
        raise OSError(_EAI_FAIL)
    found = _host.sockaddr(found[0][-1])
    family, address, number = found[:3]
    return [(AF_INET, type or SOCK_STREAM, proto, "", (_host.inet_ntop(family, address), number))]


class socket:
    def __init__(self, af=AF_INET, type=SOCK_STREAM, proto=IPPROTO_TCP, _host_socket=None):
        self.host_socket = _host.socket(af, type) if _host_socket is None else _host_socket
        self._timeout_us = None  # None blocks; 0 never waits
        self._is_closed = False
        self._probe = _host_select.poll()
        self._probe.register(self.host_socket, 0)
        self.host_socket.setblocking(False)

    def poll_state(self, events):
        """Events that are ready now, without waiting."""
        if self._is_closed:
            return _host_select.POLLERR
        if not _clock.link_is_up():
            return 0
        self._probe.modify(self.host_socket, events)
        for found in self._probe.ipoll(0):
            return found[1]
        return 0

    def ioctl(self, request, argument):
        return self.poll_state(argument) if request == _POLL_REQUEST else -1

    def _wait(self, events):
        """Wait as the time-out says; True when it is worth trying (again)."""
        if self._timeout_us == 0:
            return False
        deadline_us = None if self._timeout_us is None else _clock.look() + self._timeout_us
        # A blocking call waits on its own socket, so the host's poll object is the probe.
        self._probe.modify(self.host_socket, events)
        poller = self._probe if _clock.link_is_up() else None
        _clock.wait(deadline_us, lambda: self.poll_state(events) != 0, poller)
        if not self.poll_state(events):
            raise OSError(_errno.ETIMEDOUT)
        return True

    def _receive(self, call, *arguments):
        """Repeat a reading host call until it has an answer; None where it would have to wait."""
        while True:
            if _clock.link_is_up():
                try:
                    answer = call(*arguments)
                    if answer is not None:
                        return answer
                except OSError as error:
                    if error.errno != _errno.EAGAIN:
                        raise
            if not self._wait(_host_select.POLLIN):
                return None

    def setblocking(self, flag):
        self._timeout_us = None if flag else 0

    def settimeout(self, timeout_s):
        self._timeout_us = None if timeout_s is None else int(timeout_s * 1_000_000)

    def setsockopt(self, level, option, value):
        if level == SOL_SOCKET and not callable(value):
            self.host_socket.setsockopt(level, option, value)

    def bind(self, address):
        self.host_socket.bind(_host_address(address))

    def listen(self, backlog=2):
        self.host_socket.listen(backlog)

    def accept(self):
        found = self._receive(self.host_socket.accept)
        if found is None:
            raise OSError(_errno.EAGAIN)
        peer = _host.sockaddr(found[1])
        return socket(_host_socket=found[0]), (_host.inet_ntop(peer[0], peer[1]), peer[2])

    def connect(self, address):
        if not _clock.link_is_up():
            raise OSError(_errno.EHOSTUNREACH)
        try:
            self.host_socket.connect(_host_address(address))
        except OSError as error:
            if error.errno != _errno.EINPROGRESS or self._timeout_us == 0:
                raise
            self._wait(_host_select.POLLOUT)
            self.host_socket.write(b"")  # reports a refused connection

    def recv(self, size):
        data = self._receive(self.host_socket.recv, size)
        if data is None:
            raise OSError(_errno.EAGAIN)
        return data

    def recvfrom(self, size):
        found = self._receive(self.host_socket.recvfrom, size)
        if found is None:
            raise OSError(_errno.EAGAIN)
        peer = _host.sockaddr(found[1])
        return found[0], (_host.inet_ntop(peer[0], peer[1]), peer[2])

    def read(self, size=-1):
        if size is not None and size >= 0:
            if self._timeout_us == 0:
                return self._receive(self.host_socket.read, size)
            data = b""
            while len(data) < size:
                part = self._receive(self.host_socket.recv, size - len(data))
                if not part:
                    break
                data += part
            return data
        data = b""
        while True:
            part = self._receive(self.host_socket.recv, 512)
            if not part:
                return data or part
            data += part

    def readinto(self, buffer, size=-1):
        count = len(buffer) if size < 0 else min(size, len(buffer))
        return self._receive(self.host_socket.readinto, buffer, count)

    def readline(self):
        line = b""
        while not line.endswith(b"\n"):
            part = self._receive(self.host_socket.recv, 1)
            if not part:
                return line or part
            line += part
        return line

    def _send(self, call, *arguments):
        while True:
            if _clock.link_is_up():
                try:
                    count = call(*arguments)
                    if count is not None:
                        return count
                except OSError as error:
                    if error.errno != _errno.EAGAIN:
                        raise
            if not self._wait(_host_select.POLLOUT):
                return None

    def send(self, data):
        count = self._send(self.host_socket.send, data)
        if count is None:
            raise OSError(_errno.EAGAIN)
        return count

    def sendall(self, data):
        view = memoryview(data)
        while view:
            view = view[self.send(view) :]

    def sendto(self, data, address):
        count = self._send(self.host_socket.sendto, data, _host_address(address))
        if count is None:
            raise OSError(_errno.EAGAIN)
        return count

    def write(self, data, size=-1):
        if size >= 0:
            data = memoryview(data)[:size]
        return self._send(self.host_socket.send, data)

    def makefile(self, mode="rb", buffering=0):
        return self

    def fileno(self):
        return self.host_socket.fileno()

    def close(self):
        if not self._is_closed:
            self._is_closed = True
            self._probe.unregister(self.host_socket)
            self.host_socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
