# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Serial ports on which a board may be. Looks at files only; opens nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

PORTS_MAX = 64
# USB vendors of boards: Espressif's own, and the bridges on boards.
VENDORS = {"303a": "Espressif", "10c4": "Silicon Labs CP210x", "1a86": "WCH CH34x", "0403": "FTDI"}
_URL = re.compile(r"^(rfc2217|socket|loop|spy|alt|hwgrep)://")
_ALLOWED_URL = re.compile(r"^(rfc2217|socket)://[^\s]+$")


class Port(NamedTuple):
    """`path` stays the same when other boards come and go, where udev gives such a name."""

    path: str
    device: str
    vendor: str
    product: str
    serial: str


def is_url(port: str) -> bool:
    """`rfc2217://host:port` or `socket://host:port`, as pyserial reads them."""
    return _URL.match(port) is not None


def has_control_lines(port: str) -> bool:
    """Whether DTR and RTS reach the board: over a plain TCP connection they do not, and a person presses the buttons."""
    return not port.startswith("socket://")


def is_allowed_url(port: str) -> bool:
    return _ALLOWED_URL.match(port) is not None


def absolute(port: str) -> str:
    """The same for who works in another folder. A link stays one: it outlives the device."""
    return port if is_url(port) else str(Path(port).absolute())


def find_ports(dev: Path = Path("/dev"), sys_tty: Path = Path("/sys/class/tty")) -> list[Port]:
    """Every USB serial port whose vendor makes boards, in the order of their names, at most `PORTS_MAX`."""
    stable = _stable_names(dev / "serial" / "by-id")
    found = []
    names = [place.name for place in sys_tty.iterdir()] if sys_tty.is_dir() else []
    for name in sorted(names, key=_in_order):
        if not name.startswith(("ttyUSB", "ttyACM")):
            continue
        usb = _usb_device(sys_tty / name)
        if usb is None or (vendor := _read(usb / "idVendor")) not in VENDORS:
            continue
        device = str(dev / name)
        path = stable.get(os.path.realpath(device), device)
        found.append(Port(path, device, vendor, _read(usb / "product"), _read(usb / "serial")))
    return found[:PORTS_MAX]


def _in_order(name: str) -> tuple[str, int]:
    digits = re.search(r"\d+$", name)
    return name.rstrip("0123456789"), int(digits[0]) if digits else 0


def _stable_names(by_id: Path) -> dict[str, str]:
    """Bridges without a serial number share a name: then only one of them has it, and the others keep their device's."""
    if not by_id.is_dir():
        return {}
    return {os.path.realpath(link): str(link) for link in sorted(by_id.iterdir())}


def _usb_device(tty: Path) -> Path | None:
    """The folder of sysfs that holds idVendor: the interface's parent, or one above."""
    place = Path(os.path.realpath(tty / "device"))
    for candidate in (place, *place.parents[:3]):
        if (candidate / "idVendor").is_file():
            return candidate
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
