# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Run the whole node, without the simulator's own memory, and print the heap that it keeps in each of its steady states:
`heap_in_use.py FOLDER [all|names]`.

FOLDER holds config.json and key.bin; a broker listens where the configuration says. The board's modules are those of heap_board.py,
sensors answer as heap_feeds.py says. Prints `heap BYTES STATE SEGMENTS` of the 64-bit interpreter, `modules NAME,NAME...` (also those that are forgotten, but
that an object of the node keeps in memory) and `contents BYTES`: once connected, or with `all` or `names`

    connected   the application has measured for some seconds
    command     after `identify` and `sample`
    full        the queue on flash holds all it may, and has given up its oldest
    outage      the same, the access point out of reach
    backlog     the same, connected again; nobody acknowledges
    settled     after the first minute's look and 15 minutes' diagnosis

MicroPython keeps names (interned strings) in tables, each twice as large as the one before: one name too many costs a whole table, which is
why a few more functions may show as kilobytes. With `names` there is a table for all of them before the count begins, and the interpreter
lists its names before and after everything, and counts their bytes in each state.
"""

import asyncio
import gc
import json
import os
import sys
from array import array

import micropython

import heap_board
import heap_feeds
from heap_board import known_as, of

# On the board these are part of the image: loading them costs no heap.
asyncio.Event, asyncio.open_connection  # noqa: B018

SEGMENTS_FULL = 64
wants_all = sys.argv[2:] == ["all"]
names_too = sys.argv[2:] == ["names"]
if names_too:
    heap_board.make_room_for_names()
os.chdir(sys.argv[1])
with open("config.json") as file:
    config = json.load(file)
settings = config["settings"]
names = [name for name in config["measurements"] if config["measurements"][name][1] == "n"][:12]
del config
nodes = []


def segments():
    return len(os.listdir("queue"))


def contents(thing, seen):
    """Bytes of the arrays and texts that an object holds: these are as large on 32 bits."""
    if id(thing) in seen:
        return 0
    seen.append(id(thing))
    if isinstance(thing, (bytes, bytearray, array)):
        return len(bytes(thing))
    if isinstance(thing, str):
        return len(thing)
    if isinstance(thing, dict):
        return sum([contents(each, seen) for each in thing.values()])
    if isinstance(thing, (list, tuple)):
        return sum([contents(each, seen) for each in thing])
    return contents(thing.__dict__, seen) if hasattr(thing, "__dict__") and not isinstance(thing, type) else 0


def keepers(thing, found, seen):
    """The modules that the classes of a node's objects come from: a class keeps its module's code, forgotten or not."""
    if id(thing) in seen or isinstance(thing, (int, str, bytes, type)):
        return found
    seen.append(id(thing))
    if isinstance(thing, (dict, list, tuple)):
        for each in thing.values() if isinstance(thing, dict) else thing:
            keepers(each, found, seen)
    elif hasattr(thing, "__dict__"):
        function = type(thing).__dict__.get("__init__")
        if hasattr(function, "__globals__") and function.__globals__["__name__"] not in found:
            found.append(function.__globals__["__name__"])
        for each in thing.__dict__.values():
            keepers(each, found, seen)
    elif hasattr(thing, "__globals__") and thing.__globals__["__name__"] not in found:
        found.append(thing.__globals__["__name__"])
    return found


async def look(state):
    """The median of five looks: one may meet code that is borrowed for a moment."""
    found = []
    for _ in range(5):
        await asyncio.sleep_ms(70)
        gc.collect()
        found.append(gc.mem_alloc() - base)
    print("heap", sorted(found)[2], state, segments())
    names = [name for name in sys.modules if name not in before]
    kept = [name for name in keepers(nodes[0], [], []) if name not in before and name not in names]
    print("modules", ",".join(names + [name for name in kept if not name.startswith(("heap_", "__main__"))]))
    print("contents", contents(nodes[0], []))
    if names_too:
        micropython.qstr_info()


async def fill(node):
    """Report until the queue is full, and then so much that it has to give up its oldest twice."""
    rounds = 0
    report = of(node, "report")
    while segments() < SEGMENTS_FULL or rounds < 16:
        rounds += segments() == SEGMENTS_FULL
        for _ in range(8):
            report([(name, 1) for name in names])
        await asyncio.sleep_ms(0)


async def watch():
    heap_feeds.feed(settings)
    while not nodes or not of(nodes[0], "mqtt", "is_connected") or of(nodes[0], "app") is None:
        await asyncio.sleep_ms(20)
    node = nodes[0]

    def call(module, function, *arguments):
        of(runtime, "borrowed", "call")(known_as(module), known_as(function), *arguments)

    await asyncio.sleep_ms(2500)
    await look("connected")
    if not wants_all and not names_too:
        sys.exit()
    for command in ([1, 1, None], [2, 3, None]):
        call("node_io.answer", "obey", node, "00", command, 0)
    await look("command")
    await fill(node)
    await look("full")
    heap_board.WLAN.is_in_reach = False
    of(node, "mqtt", "writer").close()
    await asyncio.sleep_ms(1000)
    await look("outage")
    heap_board.WLAN.is_in_reach = True
    while not of(node, "mqtt", "is_connected"):
        await asyncio.sleep_ms(20)
    await look("backlog")
    of(node, "report_lost")()
    call("node_io.seldom", "diagnose", node, True)
    call("node_io.settled", "look", node, 61_000)
    await look("settled")
    if names_too:
        micropython.qstr_info(1)
    sys.exit()


gc.collect()
base = gc.mem_alloc()
before = list(sys.modules)

import runtime


class Node(of(runtime, "Node")):
    def __init__(self, *found):
        super().__init__(*found)
        nodes.append(self)


setattr(runtime, known_as("Node"), Node)
asyncio.create_task(watch())
runtime.main()
