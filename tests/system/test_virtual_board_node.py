# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The firmware on the virtual board: from a LittleFS image and an NVS partition in the flash to frames at a real broker."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from device_profiles import load_profiles
from simulators.clock import SimulationClock
from simulators.rom.board import VirtualBoard
from simulators.rom.stand_in import stand_in
from tests.support.board_tools import esptool, littlefs_image, mpremote, nvs_image, restart, tree, until_it_says
from tests.support.compiled_firmware import compile_firmware
from tests.support.mosquitto import Mosquitto
from tests.support.small_gateway import MASTER, SmallGateway
from tests.support.waiting import wait_until
from tests.system.test_virtual_board import APP_BYTES, FILES_AT, FILES_BYTES, prepare

RATE = 10
NODE = "240ac4112233"
NVS_AT, NVS_BYTES = 0x9000, 0x6000


async def test_the_application_boots_from_the_image_that_was_written_and_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """esptool writes the stand-in, then NVS and file system; after its reset the node joins and is heard, and what it has stored
    itself (boots in NVS, its epoch in a file) is in the flash and outlives the next reset."""
    monkeypatch.setenv("WHOLE_NAMES", "1")  # to shorten them takes longer than the rest of the test
    clock = SimulationClock(RATE)
    with Mosquitto(tmp_path / "broker") as broker:
        config = load_profiles()["climate-sht4x"].firmware_config({}) | {
            "node": NODE,
            "wifi": [{"ssid": "startcity", "password": "secret"}],
            "open_networks": [],
            "mqtt": {"host": "127.0.0.1", "port": broker.port, "user": None, "password": None},
            "generation": 0,
            "log": "debug",
            "queue_bytes": 65536,
        }
        files = tree(compile_firmware(tmp_path / "firmware"))
        files |= {"config.json": json.dumps(config).encode(), "key.bin": MASTER}
        (tmp_path / "firmware.bin").write_bytes(stand_in("esp32", app_bytes=APP_BYTES))
        (tmp_path / "files.bin").write_bytes(littlefs_image(FILES_BYTES, files))
        rows = [("node", "namespace", "", ""), ("boots", "data", "i32", "0")]
        (tmp_path / "nvs.img").write_bytes(nvs_image(tmp_path, NVS_BYTES, rows))
        gateway = SmallGateway(broker.port, clock)
        flash = tmp_path / "flash.bin"
        board = VirtualBoard(flash, mac=NODE, link=tmp_path / "tty", clock_env=clock.env())
        try:
            await board.start()
            await esptool(board.port, "write-flash", "0x1000", tmp_path / "firmware.bin")
            parts = (hex(NVS_AT), tmp_path / "nvs.img", hex(FILES_AT), tmp_path / "files.bin")
            await esptool(board.port, "--baud", "921600", "write-flash", *parts)
            blank_nvs = flash.read_bytes()[NVS_AT : NVS_AT + NVS_BYTES]
            assert await board.wait_for_line("net connected to the broker"), list(board.lines)
            await gateway.until(lambda found: found.readings("boot"), "the first frame")
            await gateway.until(lambda found: found.readings("temperature"), "a reading of its sensor")
            assert gateway.heard[0].kid[:6].hex() == NODE
            part = slice(NVS_AT, NVS_AT + NVS_BYTES)
            await asyncio.to_thread(
                wait_until, lambda: flash.read_bytes()[part] != blank_nvs, "the count of starts on the flash"
            )
            await mpremote(board.port, "reset")  # interrupts a node with all its tasks, then starts it again
            await gateway.until(lambda found: 2 in found.readings("boot"), "the second start")
            assert any(f"boot {NODE}" in line and "reset hard" in line for line in board.lines), list(board.lines)
        finally:
            await board.stop()
            gateway.close()


async def test_nvs_is_read_from_the_generators_partition_and_written_to_it(tmp_path: Path) -> None:
    """i32 and blob of ESP-IDF's generator are found, also a blob of several pieces; other types are not; new values outlive a reset."""
    flash = tmp_path / "flash.bin"
    prepare(flash)
    rows = [
        ("other", "namespace", "", ""),
        ("text", "data", "string", "a text that is no number and no blob"),
        ("byte", "data", "u8", "7"),
        ("node", "namespace", "", ""),
        ("low", "data", "i32", "-2147483648"),
        ("key", "data", "hex2bin", bytes(range(200)).hex()),
        ("long", "data", "hex2bin", (bytes(range(250)) * 20).hex()),
    ]
    image = nvs_image(tmp_path, NVS_BYTES, rows)
    with flash.open("r+b") as file:
        file.seek(NVS_AT)
        file.write(image)
    read = """
import esp32
n = esp32.NVS('node'); o = esp32.NVS('other'); b = bytearray(6000)
def blob(key):
    c = n.get_blob(key, b); return c, sum(b[:c])
def tried(call, *arguments):
    try: return call(*arguments)
    except OSError as e: return e.args[0]
print(n.get_i32('low'), blob('key'), blob('long'), tried(o.get_i32, 'byte'), tried(o.get_blob, 'text', b), tried(n.get_i32, 'key'))
"""
    change = """
n.set_i32('low', 5); n.set_i32('new', 6); n.set_blob('long', b'z' * 4500); n.erase_key('key'); n.commit()
for i in range(300): n.set_i32('count', i); n.commit()
"""
    async with VirtualBoard(flash, link=tmp_path / "tty") as board:
        whole, long = sum(range(200)), sum(range(250)) * 20
        expected = f"-2147483648 (200, {whole}) (5000, {long}) -4354 -4354 -4354"
        await until_it_says(board)
        assert expected in await mpremote(board.port, "exec", read)
        await mpremote(board.port, "exec", read + change)
        await restart(board)
        look = (
            "print(n.get_i32('low'), n.get_i32('new'), n.get_i32('count'), blob('long'), tried(n.get_blob, 'key', b))"
        )
        after = read.partition("print")[0] + look
        assert f"5 6 299 (4500, {4500 * ord('z')}) -4354" in await mpremote(board.port, "exec", after)
    content = flash.read_bytes()[NVS_AT : NVS_AT + NVS_BYTES]
    assert b"a text that is no number" in content, "a value of another type was lost"
    assert flash.read_bytes()[NVS_AT + NVS_BYTES : NVS_AT + NVS_BYTES + 0x1000] == b"\xff" * 0x1000


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(4))
async def test_nvs_keeps_any_sequence_of_changes(seed: int, tmp_path: Path) -> None:
    """Hundreds of random values, blobs and deletions, with pages emptied on the way, and a fresh reading after each commit agrees; the
    seed is the test's parameter."""
    flash = tmp_path / "flash.bin"
    prepare(flash)
    code = f"""
import esp32, random
random.seed({seed})
want = {{}}
buffer = bytearray(4000)
def value_of(store, key, kind):
    try:
        return store.get_i32(key) if kind is int else bytes(buffer[: store.get_blob(key, buffer)])
    except OSError:
        return None
for turn in range(400):
    store = esp32.NVS('space%d' % random.randrange(3)); key = 'k%d' % random.randrange(6)
    name = (store._prefix, key); what = random.randrange(4)
    if what == 0 and name in want:
        store.erase_key(key); del want[name]
    elif what == 1:
        want[name] = bytes([random.getrandbits(8)]) * random.choice((0, 1, 31, 32, 33, 400, 1900)); store.set_blob(key, want[name])
    else:
        want[name] = random.getrandbits(30) - (1 << 29); store.set_i32(key, want[name])
    store.commit()
    if turn % 20 == 0:
        esp32._kept = None
        esp32.storage.__init__(esp32.storage._region)
        for (prefix, key), value in want.items():
            found = value_of(esp32.NVS(prefix[:-1]), key, type(value))
            assert found == value, (turn, prefix, key, found, value)
        assert len(esp32._load()) == len(want), (turn, len(esp32._load()), len(want))
print('agreed', len(want), sum(page.number > 6 for page in esp32.storage._pages))
"""
    (tmp_path / "script.py").write_text(code)
    async with VirtualBoard(flash, link=tmp_path / "tty") as board:
        await until_it_says(board)
        said = await mpremote(board.port, "run", tmp_path / "script.py", timeout_s=100)
    words = said.split()
    assert words[0] == "agreed" and int(words[2]) > 0, said
