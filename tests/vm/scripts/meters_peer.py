# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The firmware's Modbus master on a pseudo-terminal, in real time. argv: a JSON file with "tty", "requests" [[address, function, first,
count]]. Prints one JSON line for each: the registers in hex, or why there are none."""

import asyncio
import json
import select
import sys
import time

from node_io.modbus_bus import ModbusBus
from node_io.wall import NodeClock


class Uart:
    """A file in place of the port: the part of machine.UART that the bus uses."""

    def __init__(self, path):
        self._file = open(path, "r+b")
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    def any(self):
        return 1 if self._poll.poll(0) else 0

    def read(self):
        received = b""
        while self._poll.poll(0):
            received += self._file.read(1)
        return received or None

    def write(self, data):
        return self._file.write(data)

    def flush(self):
        pass


class Driver:
    def value(self, level):
        pass


async def main(work):
    bus = ModbusBus(Uart(work["tty"]), Driver(), 19200, NodeClock())
    for address, function, first, count in work["requests"]:
        data, reason = await bus.read(address, function, first, count, 1500)
        print(json.dumps(reason if data is None else data.hex()))


with open(sys.argv[1]) as file:
    work = json.load(file)
asyncio.run(main(work))
