# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Code that is needed once in a while is loaded for one call and forgotten: a board has not the memory to keep it."""

import gc
import sys

_storages: dict = {}


def call(module: str, function: str, *arguments):
    """Import `module`, call its function, and let go of every module that only this call has loaded.

    Such a module must not define what others compare by identity (errors, classes), nor keep anything in its globals.
    """
    before = list(sys.modules)
    try:
        return getattr(__import__(module, None, None, (function,)), function)(*arguments)
    finally:
        for name in [name for name in sys.modules if name not in before]:
            forget(name)
        gc.collect()


def storage(namespace: str):
    """That namespace of the non-volatile storage, opened once in a boot: nothing closes one, and each takes memory of the system's for good
    (MicroPython, ports/esp32/esp32_nvs.c). Raises: OSError."""
    if namespace not in _storages:
        import esp32

        _storages[namespace] = esp32.NVS(namespace)
    return _storages[namespace]


class Board:
    """The board of a node that is always awake: what says which pin has which role is in memory only while somebody asks.

    Has what boards/*.py have; each use loads 1.3 kB, some 5 ms. A bus that is asked for again is set up again.

    Raises: ImportError for one that is not there.
    """

    def __init__(self, name: str) -> None:
        self._module = "boards." + name
        self.name = call(self._module, "Board").name

    def __getattr__(self, name: str):
        return getattr(call(self._module, "Board"), name)


def forget(name: str) -> None:
    """Let go of one module, where it is there."""
    sys.modules.pop(name, None)
    package, _, leaf = name.rpartition(".")
    if package in sys.modules and hasattr(sys.modules[package], leaf):
        delattr(sys.modules[package], leaf)
