# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Load modules of the firmware and print the heap that they keep: `heap_of_modules.py NAME...`. Prints `heap BYTES` and, before and after,
the names that there are; and `asyncio BYTES`, which is what that keeps although its code is part of the image, as on a board."""

import gc
import sys

import micropython

import heap_board
import heap_feeds  # noqa: F401

gc.collect()
base = gc.mem_alloc()
import asyncio

asyncio.Event, asyncio.open_connection  # noqa: B018
gc.collect()
print("asyncio", gc.mem_alloc() - base)
heap_board.make_room_for_names()
gc.collect()
base = gc.mem_alloc()
for name in sys.argv[1:]:
    __import__(name)
gc.collect()
print("heap", gc.mem_alloc() - base)
micropython.qstr_info(1)
