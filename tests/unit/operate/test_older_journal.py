# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A journal that was restored from before a change of the gateway's key."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_agent.errors import Unavailable
from gateway_agent.journal import JournalLimits
from gateway_agent.model import GatewayId, Lane
from gateway_agent.operate.older_journal import begin_anew_where_older
from tests.support.signed_journal import SignedJournal
from tests.support.signing_gateway import GATEWAY, test_only_signer

OLD, NEW = test_only_signer(GATEWAY), test_only_signer("next")


def test_a_journal_from_before_the_change_of_the_key_begins_anew_once(tmp_path: Path) -> None:
    """Only where a lane's last batch is another key's and no change of that key is here; a lane without a batch then begins anew too."""
    setting = SignedJournal(tmp_path, GatewayId(GATEWAY), OLD, JournalLimits(1_000_000, 10_000))
    journal = setting.journal
    setting.append(Lane.ALARM)
    setting.append(Lane.RECORD)
    before = {lane: journal.head(lane) for lane in Lane}
    assert begin_anew_where_older(journal, OLD.key_id, set()) == []
    assert begin_anew_where_older(journal, NEW.key_id, {OLD.key_id}) == []
    assert {lane: journal.head(lane) for lane in Lane} == before
    assert begin_anew_where_older(journal, NEW.key_id, {b"another."}) == [Lane.TREND, Lane.ALARM, Lane.RECORD]
    for lane in Lane:
        assert journal.head(lane).instance != before[lane].instance and journal.head(lane).number == 0
    assert begin_anew_where_older(journal, NEW.key_id, set()) == [], "at the next start"
    assert journal.unreceipted_from(Lane.ALARM) == (before[Lane.ALARM].instance, 0), "what is there is still owed"
    setting.close()


def test_a_start_that_is_cut_short_begins_the_rest_anew_at_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk refuses after the first lane: the next start finds that the journal is older, and every lane is anew in the end."""
    setting = SignedJournal(tmp_path, GatewayId(GATEWAY), OLD, JournalLimits(1_000_000, 10_000))
    journal = setting.journal
    setting.append(Lane.RECORD)
    before = {lane: journal.head(lane) for lane in Lane}
    begin, room = journal.new_instance, [1]

    def begin_while_there_is_room(lane: Lane) -> None:
        if not room:
            raise Unavailable("disk full")
        room.pop()
        begin(lane)

    with monkeypatch.context() as patch:
        patch.setattr(journal, "new_instance", begin_while_there_is_room)
        assert begin_anew_where_older(journal, NEW.key_id, set()) == [Lane.ALARM]
    assert set(begin_anew_where_older(journal, NEW.key_id, set())) == set(Lane)
    assert all(journal.head(lane).instance != before[lane].instance for lane in Lane)
    setting.close()
