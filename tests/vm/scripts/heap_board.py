# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""For heap_in_use.py: the least of a board's modules that lets the firmware run. The simulated board would count its own memory."""

import sys

import micropython


class Module:
    def __init__(self, **content):
        for name in content:
            setattr(self, name, content[name])


class Pin:
    IN = 0
    OUT = 1
    PULL_UP = 2
    IRQ_FALLING = 2
    IRQ_RISING = 1

    def __init__(self, *_, **__):
        pass

    def value(self, *_):
        return 1

    def irq(self, **_):
        pass


class ADC:
    ATTN_11DB = 3

    def __init__(self, *_, **__):
        pass

    def read_uv(self):
        return 142_000


class Timer:
    PERIODIC = 1

    def __init__(self, *_):
        pass

    def init(self, **_):
        pass


class UART:
    def __init__(self, *_, **__):
        pass

    def any(self):
        return 0

    def read(self):
        return None

    def write(self, data):
        return len(data)

    def flush(self):
        pass


class I2C:
    def __init__(self, *_, **__):
        pass

    def __getattr__(self, _):
        raise OSError(19)


class SPI:
    def __init__(self, *_, **__):
        pass

    def write(self, _):
        pass

    def write_readinto(self, _, answer):
        for index in range(len(answer)):
            answer[index] = 0xFF


class WLAN:
    is_in_reach = True  # of the access point

    def __init__(self, *_):
        self._is_connected = False

    def active(self, *_):
        return True

    def isconnected(self):
        return self._is_connected and WLAN.is_in_reach

    def status(self, *what):
        return -60 if what else 1010

    def disconnect(self):
        pass

    def config(self, **_):
        pass

    def scan(self):
        return [(b"startcity", b"", 1, -60, 3, False)] if WLAN.is_in_reach else []

    def connect(self, *_):
        self._is_connected = True

    def ifconfig(self):
        return ("192.0.2.1",)


class NVS:
    def __init__(self, _):
        pass

    def get_blob(self, *_):
        raise OSError(1)

    def get_i32(self, _):
        raise OSError(1)

    def set_blob(self, *_):
        pass

    def set_i32(self, *_):
        pass

    def commit(self):
        pass


sys.modules["machine"] = Module(
    Pin=Pin,
    Timer=Timer,
    UART=UART,
    I2C=I2C,
    ADC=ADC,
    SPI=SPI,
    unique_id=lambda: b"\xaa\xbb\xcc\xdd\xee\xff",
    reset_cause=lambda: 1,
    PWRON_RESET=1,
    reset=sys.exit,
)
sys.modules["network"] = Module(WLAN=WLAN, STA_IF=0, STAT_CONNECTING=1001, STAT_IDLE=1000)
sys.modules["esp32"] = Module(NVS=NVS)


def make_room_for_names():
    """Let the interpreter have a table that takes all further names, and list those that it has by now."""
    for index in range(1300):  # its tables end at 1260 and 2540 names
        hasattr(sys, "%%%d" % index)
    micropython.qstr_info(1)


def _short_names():
    """Full name -> short one, of modules and names that the build has shortened (beside the compiled files), but for the private ones."""
    found = {}
    for folder in sys.path:
        try:
            with open(folder + ".names.txt") as file:
                for line in file:
                    _, short, full = line.split()
                    if full[0] != "_":
                        found[full] = short
        except OSError:
            pass
    return found


_SHORT = _short_names()


def known_as(name):
    """The name that the firmware has for it, compiled or not."""
    return _SHORT.get(name, name)


def of(thing, *names):
    """What `thing.first.second...` is."""
    for name in names:
        thing = getattr(thing, known_as(name))
    return thing
