# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a board on the cable is asked over its raw prompt, and how its answer and its console are read. Pure.

Two short programs for MicroPython. The first says who the board is and shows no secret: of its roots only a digest. The second changes
the part of config.json that cannot be changed over Wi-Fi, and as the firmware's own config_store.py does: a whole new file beside the
old one, read back, then renamed. Where nothing would change it writes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

MARK = "STARTCITY-BOARD "
CHECK_BYTES = 8
_CHECK = b"sc1 provision check"
_GENERATIONS_MAX = 16
_REASON_CHARACTERS_MAX = 200
_ON_ITS_WAY = ("joining ", "joined ", "sending with ")  # node_io/wifi.py and wifi_join.py

_LOOK = """
import binascii, hashlib, json
said = {"roots": {}}
bad = []

def step(name, act):
    try:
        act()
    except Exception as error:
        bad.append("%%s: %%s" %% (name, type(error).__name__))

def address():
    import machine
    said["address"] = binascii.hexlify(machine.unique_id()).decode()

def firmware():
    from version import VERSION
    said["firmware"] = VERSION

def configuration():
    from node_core import configuration
    with open("config.json") as file:
        config = json.load(file)
    if configuration.problems(config):
        raise ValueError
    from node_io import nvs
    said["generation"] = max(config.get("generation", 0), nvs.get("generation"))
    said["node"] = config.get("node") or said["address"]
    said["profile"] = config.get("profile", "")
    said["networks"] = [entry["ssid"] for entry in config["wifi"]] + list(config.get("open_networks", []))
    said["host"], said["port"] = config["mqtt"]["host"], config["mqtt"].get("port", 1883)

def key():
    from node_core import keys
    from node_io import nvs
    master = nvs.master()
    for number in %s:
        digest = hashlib.sha256(%r + keys.derive_root(master, number)).digest()[:%d]
        said["roots"][str(number)] = binascii.hexlify(digest).decode()

step("address", address)
step("firmware", firmware)
step("configuration", configuration)
step("key", key)
said["bad"] = bad
print()
print(%r + json.dumps(said))
"""

_WRITE = """
import json, os
CHANGES = json.loads(%r)

def write():
    from node_core import configuration
    with open("config.json") as file:
        config = json.load(file)
    wanted = dict(config)
    for name, value in CHANGES.items():
        if name in ("mqtt", "settings"):
            wanted[name] = dict(config[name])
            wanted[name].update(value)
        else:
            wanted[name] = value
    if wanted == config:
        return "same", ""
    found = configuration.problems(wanted)
    if found:
        return "refused", found[0]
    with open("config.new", "w") as file:
        json.dump(wanted, file)
    with open("config.new") as file:
        if json.load(file) != wanted:
            return "refused", "what was written does not read back"
    os.rename("config.new", "config.json")
    return "written", ""

try:
    state, reason = write()
except Exception as error:
    state, reason = "refused", "%%s %%s" %% (type(error).__name__, getattr(error, "errno", ""))
print()
print(%r + json.dumps({"state": state, "reason": reason}))
"""


# A start that is cut off counts as a failed one, and after five of them the node leaves its application out: who resets it by cable
# says that nothing was wrong (node_io/nvs.py: `boots`; a program that was flashed has its modules under other names). The pause is for
# mpremote, which goes before.
RESET = """
try:
    import esp32
    storage = esp32.NVS("node")
    storage.set_i32("boots", 0)
    storage.commit()
except Exception:
    pass
import machine, time
time.sleep_ms(100)
machine.reset()
"""


class BoardReport(NamedTuple):
    """Who a board is.

    generation: under which key it speaks now.
    roots: by key generation, the digest (hex) of the root that it derives.
    missing: what it could not say.
    """

    node: str
    profile: str
    firmware: str
    networks: tuple[str, ...]
    host: str
    port: int
    generation: int
    roots: Mapping[int, str]
    missing: tuple[str, ...]


class Written(NamedTuple):
    """`state` is "same", "written" or "refused"; of the last one the reason."""

    state: str
    reason: str


class Heard(StrEnum):
    """What a console line means for who waits for the node's start."""

    BEGUN = "begun"
    SAFE = "safe"  # it begins without its application
    JOINING = "joining"  # on its way to its gateway
    CONNECTED = "connected"
    STOPPED = "stopped"  # a person has to do something
    TROUBLE = "trouble"  # it goes on trying


def check_of(root: bytes) -> str:
    """The digest that stands for a root where it is compared."""
    return hashlib.sha256(_CHECK + root).digest()[:CHECK_BYTES].hex()


def misfit(board: BoardReport, node: str, profile: str, roots: Mapping[int, bytes]) -> str | None:
    """What is not as expected of a board: "node", "profile" or "key"; None where it is the one.

    `roots`: by generation what a label or the vault has given for the node; a generation that the board was not asked for is left out.
    """
    if board.node != node:
        return "node"
    if board.profile != profile:
        return "profile"
    known = {number: root for number, root in roots.items() if number in board.roots}
    return "key" if any(board.roots[number] != check_of(root) for number, root in known.items()) else None


def look_program(generations: Collection[int]) -> str:
    """Asks for the digests of these generations, the newest 16 at most."""
    return _LOOK % (sorted(generations)[-_GENERATIONS_MAX:], _CHECK, CHECK_BYTES, MARK)


def write_program(changes: Mapping[str, Any]) -> str:
    """Holds the Wi-Fi password: it must not become a process's argument or a file that others may read.

    `changes`: entries of config.json that are replaced; of `mqtt` and `settings` only the ones that are given.
    """
    return _WRITE % (json.dumps(changes), MARK)


def read_board(answer: Mapping[str, Any]) -> BoardReport:
    """Of what `look_program` has printed; wrong types count as missing."""

    def text(name: str) -> str:
        value = answer.get(name)
        return value if isinstance(value, str) else ""

    networks, port, roots = answer.get("networks"), answer.get("port"), answer.get("roots")
    generation = answer.get("generation")
    bad = answer.get("bad")
    return BoardReport(
        node=text("node") or text("address"),
        profile=text("profile"),
        firmware=text("firmware"),
        networks=tuple(map(str, networks)) if isinstance(networks, list) else (),
        host=text("host"),
        port=port if isinstance(port, int) else 0,
        generation=generation if isinstance(generation, int) else 0,
        roots={int(name): str(value) for name, value in roots.items() if name.isdecimal()}
        if isinstance(roots, dict)
        else {},
        missing=tuple(str(one)[:_REASON_CHARACTERS_MAX] for one in bad) if isinstance(bad, list) else (),
    )


def read_written(answer: Mapping[str, Any]) -> Written:
    """Of what `write_program` has printed."""
    state = answer.get("state")
    reason = str(answer.get("reason", ""))[:_REASON_CHARACTERS_MAX]
    return Written(str(state), reason) if state in ("same", "written") else Written("refused", reason)


def hear(line: str) -> tuple[Heard, str] | None:
    """What one console line of a starting node means, and its text; None where it does not matter."""
    word, _, rest = line.strip().partition(" ")
    rest = rest[:_REASON_CHARACTERS_MAX]
    match word:
        case "setup":
            return Heard.STOPPED, rest
        case "boot":
            return Heard.SAFE if rest.endswith(" SAFE MODE") else Heard.BEGUN, rest
        case "acked":
            return Heard.CONNECTED, rest
        case "net" if rest.startswith("connected to the broker"):
            return Heard.CONNECTED, rest
        case "net":
            return Heard.JOINING if rest.startswith(_ON_ITS_WAY) else Heard.TROUBLE, rest
    return None
