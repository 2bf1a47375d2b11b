# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Fetch a file whose SHA-256 is known before."""

from __future__ import annotations

import hashlib
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from gateway_agent.errors import Unavailable
from tools.advice import Advice
from tools.flash.flash_fault import FlashFault
from tools.flash.micropython_image import IMAGE_BYTES_MAX

_LIMIT_S = 60
_PINNED = re.compile(r"(https?://[^#\s]+)#sha256=([0-9a-f]{64})")


class Fetched(NamedTuple):
    data: bytes
    source: str  # the URL, or ""


def fetch(where: str) -> Fetched:
    """A file's content: a path, or `https://...#sha256=HEX`. A URL without a pin is refused: nobody could say what comes.

    Raises:
        ConfigError: no pin, or the file cannot be read.
        Unavailable: the server cannot be reached.
        FlashFault: download_changed.
    """
    if "://" not in where:
        try:
            return Fetched(Path(where).read_bytes(), "")
        except OSError as error:
            raise Advice("{file} cannot be read: {reason}.", file=where, reason=error.strerror) from error
    found = _PINNED.fullmatch(where)
    if found is None:
        raise Advice("{url}: a URL needs its pin, https://...#sha256=HEX (64 digits).", url=where)
    url, pin = found[1], found[2]
    try:
        with urllib.request.urlopen(url, timeout=_LIMIT_S) as answer:  # noqa: S310  (http and https only, by the pattern)
            data = answer.read(IMAGE_BYTES_MAX + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise Unavailable(f"{url} cannot be fetched: {error}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != pin:
        raise FlashFault("download_changed", url=url, found=digest)
    return Fetched(data, url)
