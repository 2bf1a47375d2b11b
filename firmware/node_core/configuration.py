# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What config.json must say, and in which words a person is told what is wrong with it."""

from node_core.backlog import first_wait_s

# What every node may say of itself (docs/wire.md section 3): name: [unit, kind, exponent, lane, deadline in s].
OWN = {
    "boot": [None, "n", 0, "trend", 300],
    "reset": [None, "s", 0, "trend", 300],
    "fw": [None, "s", 0, "trend", 300],
    "batt": ["%EL", "n", 0, "trend", 900],
    "rssi": ["dBW", "n", 0, "trend", 900],
    "heap": ["B", "n", 0, "trend", 900],
    "fault": [None, "s", 0, "record", 60],
    "crash": [None, "s", 0, "record", 60],
    "safe": [None, "b", 0, "record", 60],
    "anchor": [None, "d", 0, "trend", 300],
    "lost": [None, "d", 0, "alarm", 0],
    "cmd": [None, "d", 0, "record", 5],
}
_LANES = ("alarm", "record", "trend")
_TYPES = {"app": str, "board": str, "settings": dict, "measurements": dict, "wifi": list, "mqtt": dict}


def problems(config) -> list:
    """Sentences, one for each thing to change; empty where the node can run."""
    if not isinstance(config, dict):
        return ["it must be one JSON object"]
    found = []
    for name, kind in _TYPES.items():
        if not isinstance(config.get(name), kind):
            found.append('"%s" is missing or has the wrong type' % name)
    if found:
        return found
    for name, row in config["measurements"].items():
        if not isinstance(row, list) or len(row) != 5 or row[1] not in "nbsfd" or row[3] not in _LANES:
            found.append('"measurements": "%s" must be [unit or null, kind n b s f d, exponent, lane, seconds]' % name)
    for entry in config["wifi"]:
        is_named = isinstance(entry, dict) and isinstance(entry.get("ssid"), str)
        if not is_named or not isinstance(entry.get("password") or "", str):
            found.append('"wifi" must hold objects like {"ssid": "...", "password": "..."}')
    if not isinstance(config["mqtt"].get("host"), str) or not config["mqtt"]["host"]:
        found.append('"mqtt" needs the "host" of the gateway\'s broker')
    if not isinstance(config["mqtt"].get("port", 0), int):
        found.append('"mqtt": the "port" must be an integer')
    node = config.get("node")
    if node is not None and (not isinstance(node, str) or len(node) != 12 or not _is_hex(node)):
        found.append('"node" must be 12 lower-case hexadecimal digits (or be left out: then it is the board\'s own)')
    for name in ("generation", "queue_bytes"):
        if not isinstance(config.get(name, 0), int):
            found.append('"%s" must be an integer' % name)
    return found


def _is_hex(text: str) -> bool:
    return all("0" <= c <= "9" or "a" <= c <= "f" for c in text)


def all_measurements(config: dict) -> dict:
    """The rows of what this node may report: its profile's and its own."""
    found = dict(OWN)
    found.update(config["measurements"])
    shared: dict = {}  # rows and their words: many are the same, and one is enough
    for name, row in found.items():
        words = tuple([shared.setdefault(each, each) if isinstance(each, str) else each for each in row])
        found[name] = shared.setdefault(repr(words), words)
    return found


def first_waits_s(measurements: dict) -> list:
    """By lane: how long a frame of it that an earlier boot has left waits for its acknowledgement at most."""
    longest = [0, 0, 0]
    for row in measurements.values():
        lane = _LANES.index(row[3])
        longest[lane] = max(longest[lane], int(row[4]))
    return [first_wait_s(deadline_s) for deadline_s in longest]
