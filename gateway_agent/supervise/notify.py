# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Words to systemd (sd_notify(3)): no library, one datagram each."""

from __future__ import annotations

import os
import socket


def notify(words: str) -> None:
    """Send `READY=1`, `WATCHDOG=1`, `STATUS=...`, `STOPPING=1`. Does nothing where systemd did not start us."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto(words.encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError:
        pass  # systemd is gone or busy: nothing that the data path should stop for


def watchdog_interval_s() -> float | None:
    """How often to feed the watchdog: half of what systemd allows; None where it does not watch."""
    usec, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not usec.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 2_000_000
