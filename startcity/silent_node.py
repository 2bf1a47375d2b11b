# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A node that has not obeyed in time: what may be the matter, and what to do."""

from __future__ import annotations

from pathlib import Path

from device_profiles import Profile
from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.model import Lane
from gateway_agent.operate.journal_folder import JournalFolder
from gateway_agent.operate.stored_batches import latest_batches
from gateway_agent.wire.keys import NODE_ID_BYTES
from startcity.words import say
from tools.provision.checks import silence_s

BATCHES_MAX = 500  # of the record lane: most of a day


def is_in_safe_mode(data: Path, node_id: bytes) -> bool:
    """Whether the node said so when it last began, in the newest 500 record batches of a gateway's journal. False: not known either."""
    try:
        batches = latest_batches(JournalFolder(data / "journal"), Lane.RECORD, BATCHES_MAX)
    except (ConfigError, Unavailable):
        return False
    for batch in reversed(batches):
        for row in reversed(batch.body.frames if batch.body is not None else ()):
            if row.kid[:NODE_ID_BYTES] == node_id:
                for field, value in zip(row.pack.shape, row.pack.values, strict=True):
                    if field.name == "safe":
                        return bool(value)
    return False


def advice(word: str, profile: Profile | None, *, is_safe: bool) -> str:
    """What to tell who waits for the result of a command. `profile` None: it is not known here how often the node speaks."""
    if is_safe:
        return say(
            "When it last began it was in safe mode: it runs without its application, because its last starts have failed. Its readings "
            "`crash` and `fault` say why. Switch it off and on: it then obeys at once, and tries its application again."
        )
    if profile is None:
        return say("It obeys when it next speaks. Switched off and on it does so at once.")
    minutes = silence_s(profile) // 60
    if word == "configure":
        return say(
            "It takes settings when it next speaks, every {minutes} minutes at least, and answers when it has held with them for a "
            "minute. Switched off and on it speaks at once. `startcity node list --json` says what became of it.",
            minutes=minutes,
        )
    return say("It obeys when it next speaks, every {minutes} minutes at least. Switched off and on it does so at once.",
               minutes=minutes)  # fmt: skip
