# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The numbers of docs/wire.md, 13, and the forms of the three names that appear everywhere."""

from __future__ import annotations

import re

FRAME_BYTES_MAX = 1280
SEQUENCE_MAX = (1 << 20) - 1
RECORDS_MAX = 64
TEXT_BYTES_MAX = 256
DATA_BYTES_MAX = 1024
SEALED_BYTES_MAX = 64 * 1024
BODY_BYTES_MAX = 1024 * 1024
BATCH_FRAMES_MAX = 4096
TABLE_BATCHES_MAX = 64
TABLE_NODES_MAX = 16_384
TABLE_ROWS_MAX = 16_384

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
UINT32_MAX = (1 << 32) - 1
TIME_MS_MAX = (1 << 53) - 1
EXPONENT_MIN, EXPONENT_MAX = -12, 6

GATEWAY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")


def is_uint(value: object, maximum: int) -> bool:
    """An integer (and no boolean) from 0 to `maximum`."""
    return type(value) is int and 0 <= value <= maximum


def is_int64(value: object) -> bool:
    """An integer (and no boolean) of 64 bits with sign."""
    return type(value) is int and INT64_MIN <= value <= INT64_MAX


def is_gateway_id(value: object) -> bool:
    """Text of 1 to 32 of a-z 0-9 -, first a letter or digit."""
    return type(value) is str and GATEWAY_ID.fullmatch(value) is not None
