# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The board's surroundings: physics that a world process sends, as JSON lines over a unix socket.

`STARTCITY_SIM` names the socket, or `file:PATH` a file of the same lines, or is absent: then nature stands still.

    in    {"at_ms": 1700000000000, "set": {"field_t": [2.2e-05, 1e-06, -4e-05], "temperature_c": 21.3, "wifi": true}}
          {"block": "strain", "start_ms": ..., "period_us": 10000, "values": [ADC codes]}
          {"joined": true}                                  everything that holds at the start has been said
          {"stop": true}                                    power off, at once
    out   {"node": "aabbccddeeff", "profile": "strain-hx711"}   once, after connecting
          {"sensor": "hx711", "samples": [[at_us, code], ...]}   conversions, while `set` holds "truth": true

`at_ms` is true time; a line whose time has passed counts at once. Keys of `set`: see `values` below.
A recording's value between two samples lies on the straight line between them.
"""

import json
from array import array

import simclock as _clock
import uselect as _host_select
import usocket

values = {
    "field_t": [22e-6, 1e-6, -40e-6],  # magnetic flux density in the sensor's axes
    "temperature_c": 20.0,
    "humidity_pct": 50.0,
    "strain_code": 0,  # ADC code where no recording plays
    "strain_noise_codes": 0,  # standard deviation of the converter's own noise
    "wifi": True,  # the access points are on
    "wifi_connect_ms": 1500,  # association, key exchange and DHCP together
    "wifi_stuck": False,  # association never ends
    "networks": None,  # [{"ssid", "password" ("" is open), "rssi", "channel"}]; None: any name and password works
    "absent": [],  # chips that do not answer: "qmc5883l", "sht4x", "hx711"
    "i2c_failures": 0,  # so many next I2C transfers end without acknowledgement
    "spike_code": None,  # the next conversion comes out as this code
    "truth": False,
}

_BLOCKS_MAX = 64
_JOIN_TRIES = 50
_JOIN_TRY_MS = 100
_watchers = []
_blocks = []  # (start_us, period_us, array of codes), ascending
_out = []  # lines that the socket has not taken yet


def watch(function):
    """Call `function()` after each change of `values`."""
    _watchers.append(function)


def change(new_values):
    values.update(new_values)
    for function in _watchers:
        function()


def take_line(line):
    """One message of the world."""
    message = json.loads(line)
    if message.get("joined") and link is not None:
        link.is_joined = True
    if message.get("stop"):
        import power

        power.off()
    if "set" in message:
        at_us = int(message.get("at_ms", 0) * 1000)
        if at_us > _clock.now_us:
            _clock.at(at_us, lambda now_us: change(message["set"]))
        else:
            change(message["set"])
    if message.get("block") == "strain":
        start_us = int(message["start_ms"] * 1000)
        _blocks.append((start_us, message["period_us"], array("i", message["values"])))
        # A board that lags behind the world still has to play what it was sent: only what is over may go.
        while len(_blocks) > _BLOCKS_MAX and _blocks[1][0] <= _clock.now_us:
            _blocks.pop(0)


def recorded_code(at_us):
    """The recording's value at this instant, rounded to a whole code, or None where none plays."""
    for index in range(len(_blocks) - 1, -1, -1):
        start_us, period_us, codes = _blocks[index]
        if at_us < start_us:
            continue
        offset_us = at_us - start_us
        place = offset_us // period_us
        if place >= len(codes):
            return None
        part_us = offset_us - place * period_us
        first = codes[place]
        if not part_us:
            return first
        if place + 1 < len(codes):
            second = codes[place + 1]
        elif index + 1 < len(_blocks) and _blocks[index + 1][0] == start_us + len(codes) * period_us:
            second = _blocks[index + 1][2][0]
        else:
            return first
        return (2 * (first * (period_us - part_us) + second * part_us) + period_us) // (2 * period_us)
    return None


class SocketLink:
    """The world process at the other end of a unix socket."""

    def __init__(self, path):
        self.socket = usocket.socket(usocket.AF_UNIX, usocket.SOCK_STREAM)
        name = path.encode()
        if len(name) > 100:
            raise ValueError("the socket's path is longer than a unix socket allows: " + path)
        self.socket.connect(b"\x01\x00" + name + b"\x00")  # struct sockaddr_un, AF_UNIX = 1, host order
        self.socket.setblocking(False)
        self.is_joined = False
        self._buffer = bytearray(4096)
        self._rest = b""

    def receive(self):
        while True:
            try:
                count = self.socket.readinto(self._buffer)
            except OSError:
                count = None
            if count == 0:  # the world is gone: the simulation is over
                import power

                power.off()
            if not count:
                break
            lines = (self._rest + bytes(memoryview(self._buffer)[:count])).split(b"\n")
            self._rest = lines.pop()
            for line in lines:
                if line:
                    take_line(line)
        if _out:
            self._flush()

    def _flush(self):
        while _out:
            try:
                count = self.socket.write(_out[0])
            except OSError:
                count = None
            if not count:
                return
            if count < len(_out[0]):
                _out[0] = _out[0][count:]
            else:
                _out.pop(0)

    def send(self, message):
        _out.append(json.dumps(message).encode() + b"\n")
        self._flush()

    def join(self):
        """Wait (host time) for what holds at the start: a board must not measure before it has surroundings."""
        poller = _host_select.poll()
        poller.register(self.socket, _host_select.POLLIN)
        tries = 0
        while not self.is_joined and tries < _JOIN_TRIES:
            if not poller.poll(_JOIN_TRY_MS):
                tries += 1
            self.receive()


class FileLink:
    """Lines that are known beforehand, read as far as `_AHEAD_US` before their time."""

    socket = None
    _AHEAD_US = 5_000_000

    def __init__(self, path):
        self._file = open(path)
        self._next = None
        self.is_over = False

    def receive(self):
        while not self.is_over:
            if self._next is None:
                line = self._file.readline()
                if not line:
                    self.is_over = True
                    return
                self._next = json.loads(line)
            start_ms = self._next.get("start_ms", self._next.get("at_ms", 0))
            if start_ms * 1000 > _clock.now_us + self._AHEAD_US:
                return
            message, self._next = self._next, None
            take_line(json.dumps(message))

    def send(self, message):
        pass


link = None


def connect(address, node, profile=""):
    """Join the world that `STARTCITY_SIM` names; nothing where it is empty."""
    global link
    if not address:
        return
    link = FileLink(address[5:]) if address.startswith("file:") else SocketLink(address)
    _clock.attach_link(link)
    if isinstance(link, FileLink):

        def refill(now_us):
            link.receive()
            if not link.is_over:
                _clock.at(now_us + 1_000_000, refill)

        refill(_clock.now_us)
    link.send({"node": node, "profile": profile})
    if isinstance(link, SocketLink):
        link.join()


def report(message):
    if link is not None:
        link.send(message)
