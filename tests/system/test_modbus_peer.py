# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The firmware's Modbus master against a slave that others wrote (pymodbus), over a pair of pseudo-terminals."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import tty
from pathlib import Path

from tests.support.vm_run import run_script

SLAVE = """
import asyncio, sys
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import StartAsyncSerialServer

async def main():
    block = ModbusSequentialDataBlock(1, [(7 * i + 1) & 0xFFFF for i in range(200)])
    other = ModbusSequentialDataBlock(1, [(65535 - i) & 0xFFFF for i in range(200)])
    device = ModbusDeviceContext(ir=block, hr=other)
    context = ModbusServerContext(devices={5: device}, single=False)
    print("ready", flush=True)
    await StartAsyncSerialServer(context, port=sys.argv[1], baudrate=19200)

asyncio.run(main())
"""


class Wire:
    """Two pseudo-terminals whose bytes go across, as a pair of wires."""

    def __init__(self) -> None:
        self.ends = [os.openpty() for _ in range(2)]
        for _, slave in self.ends:
            tty.setraw(slave)
        self.names = [os.ttyname(slave) for _, slave in self.ends]
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        masters = [master for master, _ in self.ends]
        with selectors.DefaultSelector() as selector:
            for descriptor in (*masters, self._stop_read):
                selector.register(descriptor, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == self._stop_read:
                        return
                    os.write(masters[1 - masters.index(key.fd)], os.read(key.fd, 512))

    def close(self) -> None:
        os.write(self._stop_write, b"x")
        self._thread.join()
        for descriptor in (*self.ends[0], *self.ends[1], self._stop_read, self._stop_write):
            os.close(descriptor)


def test_the_master_and_a_foreign_slave_understand_each_other(tmp_path: Path) -> None:
    """Both functions, one and many registers, and a refused address: what pymodbus holds is what the firmware reads."""
    wire = Wire()
    slave = subprocess.Popen([sys.executable, "-c", SLAVE, wire.names[0]], stdout=subprocess.PIPE, text=True)
    try:
        assert slave.stdout is not None and slave.stdout.readline() == "ready\n"
        work = {
            "tty": wire.names[1],
            "requests": [[5, 4, 0, 1], [5, 4, 0, 1], [5, 4, 10, 40], [5, 3, 0x10, 2], [5, 4, 500, 2]],
        }
        path = tmp_path / "work.json"
        path.write_text(json.dumps(work), encoding="utf-8")
        answers = [json.loads(line) for line in run_script("tests/vm/scripts/meters_peer.py", str(path)).splitlines()]
    finally:
        slave.kill()
        slave.wait()
        assert slave.stdout is not None
        slave.stdout.close()
        wire.close()
    many = b"".join(((7 * i + 1) & 0xFFFF).to_bytes(2, "big") for i in range(10, 50)).hex()
    two = b"".join((65535 - i).to_bytes(2, "big") for i in (16, 17)).hex()
    # The server prints "ready" before it has opened the line: the first request may meet nobody.
    assert answers[0] in ("0001", "no answer")
    assert answers[1:] == ["0001", many, two, "exception 2: illegal data address"]
