# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A journal that is older than the gateway's key, because its folder was restored from a copy from before the last change.

That change has told the city with which number of each lane the old key ended. A number up to there that the present key signs, the city
takes from nobody. So a lane whose last batch another key has signed, of which no change is here, begins anew, and with it each lane that
says nothing: one without a batch in the copy may have had some when the key was changed.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from gateway_agent.errors import Unavailable, WireError
from gateway_agent.journal import Journal
from gateway_agent.model import Lane
from gateway_agent.wire.cose import parse_sign1

log = logging.getLogger(__name__)


def begin_anew_where_older(journal: Journal, present: bytes, changed: Collection[bytes]) -> list[Lane]:
    """Before anything is sealed. `present` is the key's id, `changed` are those whose changes are here. Returns the lanes that begin anew.

    A disk that refuses leaves a lane as it is: then the city's receipt says that it holds more, and the lane begins anew by that.
    """
    keys = {lane: _last_key(journal, lane) for lane in Lane}
    older = [lane for lane, key in keys.items() if key not in {None, present, *changed}]
    begun = []
    # The lanes that prove it last: a start that is cut short in between finds the same.
    for lane in [lane for lane, key in keys.items() if older and key is None] + older:
        try:
            journal.new_instance(lane)
            begun.append(lane)
        except Unavailable as error:
            log.warning("%s", error)
            break
    if begun:
        log.error(
            "the journal knows of no change to the key %s: it was restored from an older copy, or the key was replaced by hand. A new"
            " instance begins in %s; compare both sides with `startcity verify`",
            present.hex(),
            ", ".join(lane.word for lane in begun),
        )
    return begun


def _last_key(journal: Journal, lane: Lane) -> bytes | None:
    """Whose signature the lane's last batch bears; None where it is not here any more."""
    head = journal.head(lane)
    try:
        last = journal.read_after(lane, head.instance, head.number - 1, 1, 1) if head.number else []
        return next((parse_sign1(found.batch).key_id for found in last if found.instance == head.instance), None)
    except (Unavailable, WireError):
        return None
