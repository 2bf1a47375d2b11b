# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The test of a board that was just written: a short program over the raw REPL, run by mpremote, and its verdict.

It says which versions run, whether the configuration, the key and every module of the application can be read, what answers on
the sensor bus, what the radio hears, and how much memory is left. A sensor may be mounted later, so its absence is only told.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tools.flash.flash_fault import FlashFault
from tools.flash.mpremote import mpremote, raise_sign, read_answer, until_started

MARK = "STARTCITY-TEST "
_TRIES = 6  # mpremote gives each ten seconds
_LIMIT_S = 45
# Addresses on I2C of the chips whose profile does not state one. Source: the drivers in firmware/node_io/drivers.
_ADDRESSES = {"qmc5883l": (0x0D,), "lis3mdl": (0x1C, 0x1E), "mmc5983ma": (0x30,)}

_PROGRAM = """
import binascii, gc, hashlib, json, sys
WANTED = json.loads(%r)
said = {}
bad = []
unknown = []

def step(name, act, into):
    gc.collect()
    try:
        said[name] = act()
    except Exception as error:
        into.append("%%s: %%s %%s" %% (name, type(error).__name__, error))

def micropython():
    return [".".join([str(n) for n in sys.implementation.version[:3]]), sys.implementation._machine]

def firmware():
    from version import VERSION
    return VERSION

def node():
    import machine
    return binascii.hexlify(machine.unique_id()).decode()

def key():
    from node_io import nvs
    return binascii.hexlify(hashlib.sha256(b"sc1 bench check" + nvs.master()).digest()[:8]).decode()

def configuration():
    from node_core import configuration
    with open("config.json") as file:
        config = json.load(file)
    found = configuration.problems(config)
    if found:
        raise ValueError(found[0])
    return [config["node"], config["profile"]]

def modules():
    for name in WANTED["modules"]:
        __import__(name)
    return len(WANTED["modules"])

def memory():
    gc.collect()
    return gc.mem_free()

def bus():
    name = WANTED["board"]
    return list(getattr(__import__("boards." + name, None, None, (name,)), "Board")().i2c().scan())

def radio():
    import network
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    try:
        found = wlan.scan()
    finally:
        wlan.active(False)
    return [len(found), len([one for one in found if one[0].decode() in WANTED["networks"]])]

step("micropython", micropython, bad)
step("firmware", firmware, bad)
step("node", node, bad)
step("key", key, bad)
step("configuration", configuration, bad)
step("modules", modules, bad)
step("memory", memory, bad)
step("bus", bus, unknown)
if WANTED["radio"]:
    step("radio", radio, bad)
said["bad"] = bad
said["unknown"] = unknown
print()
print(%r + json.dumps(said))
"""


def program(config: Mapping[str, Any], *, has_radio: bool = True) -> str:
    """The program for a board with this configuration. It holds the networks' names and no secret."""
    names = [entry["ssid"] for entry in config["wifi"]] + list(config["open_networks"])
    main = "duty_cycle" if config.get("sleeps") else "runtime"
    wanted = {
        "modules": [main, f"apps.{config['app']}"],
        "board": config["board"],
        "networks": names,
        "radio": has_radio,
    }
    return _PROGRAM % (json.dumps(wanted), MARK)


def sensors_of(settings: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name -> addresses on I2C, any of which will do, of the sensors that a profile's settings name. Others cannot be looked for."""
    found: dict[str, tuple[int, ...]] = {}
    chip = settings.get("chip")
    if isinstance(chip, str) and chip in _ADDRESSES:
        found[chip] = _ADDRESSES[chip]
    for name, address in (("sensor", "address"), ("light", "light_address")):
        if isinstance(settings.get(name), str) and settings[name] and isinstance(settings.get(address), int):
            found[str(settings[name])] = (int(settings[address]),)
    return found


def judge(
    report: Mapping[str, Any], mac: str, check: str, profile: str, sensors: Mapping[str, tuple[int, ...]]
) -> dict[str, Any]:
    """What is told of a board whose test is good: versions, sensors found and missing, networks, free memory.

    Raises:
        FlashFault: test_failed, with the first thing that is not right.
    """
    bad = list(report.get("bad", []))
    if report.get("node") not in (None, mac):
        bad.append(f"node: it says {report.get('node')}, not {mac}")
    if report.get("configuration") not in (None, [mac, profile]):
        bad.append(f"configuration: it is of {report.get('configuration')}")
    if report.get("key") not in (None, check):
        bad.append("key: it is another one than was written")
    if bad:
        raise FlashFault("test_failed", reason=str(bad[0])[:300])
    bus = report.get("bus")
    answers = bus if isinstance(bus, list) else []
    versions, radio = report.get("micropython") or ["", ""], report.get("radio") or [0, 0]
    return {
        "micropython": versions[0],
        "machine": versions[1],
        "firmware": report.get("firmware"),
        "memory": report.get("memory"),
        "networks": radio[0],
        "own_networks": radio[1],
        "sensors": sorted(name for name, at in sensors.items() if any(one in answers for one in at)),
        "missing": sorted(
            name for name, at in sensors.items() if bus is not None and not any(one in answers for one in at)
        ),
        "unknown": list(report.get("unknown", [])),
    }


async def ask(
    port: str, folder: Path, config: Mapping[str, Any], reset: Callable[[], Awaitable[None]], *, has_radio: bool = True
) -> dict[str, Any]:
    """Run the test on the board and read what it says.

    The board has just been reset; `reset` does it again before each further try, because a node with a battery may sleep by then.

    Raises:
        FlashFault: no_prompt, no_tool, port_busy, port_denied, port_lost.
    """
    script = folder / "self_test.py"
    script.write_text(program(config, has_radio=has_radio), encoding="utf-8")
    said = ""
    for number in range(_TRIES):
        if number:
            with contextlib.suppress(FlashFault):
                await reset()
        await until_started(port)
        said = await mpremote(port, folder, "run", str(script), limit_s=_LIMIT_S)
        report = read_answer(said, MARK)
        if report is not None:
            return report
        raise_sign(said, port)
    if "Traceback" in said and "could not enter raw repl" not in said:
        raise FlashFault("test_failed", reason=said.strip().splitlines()[-1][:300])
    raise FlashFault("no_prompt", said=said.strip()[-300:])


async def start(port: str, folder: Path) -> None:
    """Let the board begin its work. One that does not hear it begins after its next reset: nothing is lost."""
    await mpremote(port, folder, "resume", "reset", limit_s=_LIMIT_S)
