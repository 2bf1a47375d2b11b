# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Reads what numbers.py writes. Apart from it because a node does so once a boot."""

import binascii

from node_core import cbor_reader
from node_core.numbers import FORMAT, Numbers


def from_bytes(data: bytes) -> Numbers:
    """Raises: ValueError where the bytes are damaged (the caller then draws a new epoch)."""
    if len(data) < 5 or binascii.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
        raise ValueError("the number store is damaged")
    fields = cbor_reader.decode(data[:-4])
    if not isinstance(fields, list) or len(fields) != 9 or fields[0] != FORMAT or len(fields[1]) != 8:
        raise ValueError("the number store has another format")
    numbers = Numbers(fields[1])
    _, _, reserved, numbers.floor, numbers.memory_floor, numbers.boot = fields[:6]
    numbers.closed, numbers.lost, numbers.commands = fields[6:]
    numbers.next = numbers.reserved = reserved
    return numbers
