# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a boot leaves to the next one about its end: one line of at most 256 bytes, sent as the record `crash`.

    part: Type: message; file:line function < file:line function < ...; up 523 s, heap 45678

The frames start where the exception was raised. Imported when something has gone wrong, so it asks for little memory.
"""

import gc
import io
import sys
import time

import machine

from node_core import boot_rules
from node_io import kept_over_reset, nvs

_BYTES_MAX = 256  # what a text in a record may have (docs/wire.md section 3)
_MESSAGE_MAX = 80
_FRAMES_MAX = 8
_SAFE_AWAKE_S = 10  # for who wants to stop it at the prompt
_PAUSE_MS = 50_000
_SAFE_PAUSE_MS = 290_000


def end(node, error: Exception) -> None:
    """The node has failed: leave a report to the next boot, and bring to flash what waits in memory. `node` may be None."""
    try:
        keep(describe("node", error, time.ticks_diff(time.ticks_ms(), 0)))
    except Exception as another:
        sys.print_exception(another)
        keep("node: %s" % type(error).__name__)
    try:
        if node is not None:
            node.outbox.flush()
    except Exception as another:
        sys.print_exception(another)
    print("stopped the board starts again")
    if node is None or node.is_safe:
        time.sleep(_SAFE_AWAKE_S)  # not even safe mode holds: a loop must not wear flash and battery
        machine.deepsleep(_SAFE_PAUSE_MS if boot_rules.is_safe(nvs.get("boots")) else _PAUSE_MS)


def keep(text: str) -> bool:
    """Keep any report. A later one takes the place of an earlier that was not read."""
    return kept_over_reset.write_area("crash", text.encode()[:_BYTES_MAX])


def read() -> str:
    """The report of the last crash, or an empty text."""
    raw = kept_over_reset.read_area("crash")
    if raw is None:
        return ""
    try:
        return raw.decode()
    except UnicodeError:  # cut inside a character
        return "".join([chr(byte) if byte < 128 else "?" for byte in raw])


def forget() -> None:
    kept_over_reset.write_area("crash", b"")


def describe(part: str, error: BaseException, uptime_ms: int) -> str:
    """Print an exception, and return its report."""
    gc.collect()
    free_bytes = gc.mem_free()
    sys.print_exception(error)
    out = io.StringIO()
    sys.print_exception(error, out)
    frames = []
    for line in out.getvalue().split("\n"):
        line = line.strip()
        if line.startswith('File "'):
            frames.append("%s:%s %s" % _frame(line))
    head = "%s: %s: %s" % (part, type(error).__name__, str(error)[:_MESSAGE_MAX])
    tail = "; up %d s, heap %d" % (uptime_ms // 1000, free_bytes)
    room = _BYTES_MAX - len(head.encode()) - len(tail)
    where = ""
    for frame in reversed(frames[-_FRAMES_MAX:]):
        more = ("; " if not where else " < ") + frame
        if len(where) + len(more) > room:
            break
        where += more
    return head + where + tail


def _frame(line: str) -> tuple:
    """(file, line, function) of a line of a traceback: File "a/b.py", line 12, in f"""
    path, rest = line[6:].split('"', 1)
    words = rest.replace(",", "").split()
    return path.split("/")[-1], words[1] if len(words) > 1 else "?", words[3] if len(words) > 3 else "?"
