# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Load modules of the firmware and print the heap that they keep: `heap_of_modules.py NAME...`. Prints `heap BYTES` and, before and after,
how many names there are."""

import asyncio
import gc
import sys

import micropython

import heap_board
import heap_feeds  # noqa: F401

asyncio.Event, asyncio.Lock, asyncio.open_connection, asyncio.wait_for  # noqa: B018
heap_board.make_room_for_names()
gc.collect()
base = gc.mem_alloc()
for name in sys.argv[1:]:
    __import__(name)
gc.collect()
print("heap", gc.mem_alloc() - base)
micropython.qstr_info()
