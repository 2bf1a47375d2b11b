# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Code that is needed once in a while is loaded for one call and forgotten: a board has not the memory to keep it."""

import gc
import sys


def call(module: str, function: str, *arguments):
    """Import `module`, call its function, and let go of every module that only this call has loaded.

    Such a module must not define what others compare by identity (errors, classes), nor keep anything in its globals.
    """
    before = list(sys.modules)
    try:
        return getattr(__import__(module, None, None, (function,)), function)(*arguments)
    finally:
        for name in list(sys.modules):
            if name not in before:
                forget(name)
        gc.collect()


def forget(name: str) -> None:
    """Let go of one module."""
    del sys.modules[name]
    package, _, leaf = name.rpartition(".")
    if package in sys.modules and hasattr(sys.modules[package], leaf):
        delattr(sys.modules[package], leaf)
