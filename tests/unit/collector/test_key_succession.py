# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The succession of a gateway's keys at the city's end: followed, kept, and refused where it is forged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.inbox import Message
from collector.verify import verify
from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId, Lane, LaneHead
from gateway_agent.wire.gap import GapReason
from gateway_agent.wire.key_change import sign_key_change
from gateway_agent.wire.key_succession import KeySuccession
from gateway_agent.wire.signer import Signer
from tests.support.signing_gateway import GATEWAY, SigningGateway, frame, test_only_signer
from tests.unit.collector.conftest import City

FIRST, SECOND, THIRD, FORGER = (test_only_signer(word) for word in (GATEWAY, "second", "third", "forger"))


def change(gateway: SigningGateway, new: Signer, old: Signer | None = None) -> bytes:
    """The gateway's next key, from the number on that it has reached; other lanes are empty."""
    heads = tuple(
        LaneHead(lane, gateway.instance, gateway.number, gateway.link)
        if lane == gateway.lane
        else LaneHead(lane, b"other...", 0, bytes(32))
        for lane in Lane
    )
    return sign_key_change(GatewayId(GATEWAY), gateway.clock(), heads, old or gateway.signer, new)


def give(city: City, raw: bytes, old: Signer) -> None:
    """A change of a key, on its topic."""
    city.intake.take([Message(f"sc/{GATEWAY}/key/{old.key_id.hex()}", raw)], city.now_ms, 0)


def rotated(city: City, gateway: SigningGateway, new: Signer) -> bytes:
    raw, old = change(gateway, new), gateway.signer
    give(city, raw, old)
    gateway.signer = new
    return raw


def test_the_collector_follows_two_changes_and_an_auditor_needs_the_first_key_alone(city: City) -> None:
    """Batches over two changes are receipted and intact; after a restart from the archive they still are; a repeated change is no news."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(3))
    raw = rotated(city, gateway, SECOND)
    city.take(gateway, *gateway.run(2, 3))
    give(city, raw, FIRST)
    rotated(city, gateway, THIRD)
    city.restart()
    assert [receipt.number for receipt in city.take(gateway, *gateway.run(2, 5))] == [7]
    assert city.events().count("key_change") == 2
    report = city.verified()
    assert report.is_intact, report.problems
    assert report.chains[0].key_ids == [key.key_id.hex() for key in (FIRST, SECOND, THIRD)]
    assert [new for _, _, new in report.key_changes] == [SECOND.key_id.hex(), THIRD.key_id.hex()]
    without = verify(city.folder / "archive", {SECOND.key_id: SECOND.public_key})
    assert "unknown_key" in {problem.kind for problem in without.problems}, "a later key proves nothing before it"


def test_a_later_key_is_told_from_a_strangers(city: City) -> None:
    """Given the second or the third key: not intact, and in plain words to give the first; given no key of this gateway: no such advice."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(2))
    rotated(city, gateway, SECOND)
    city.take(gateway, *gateway.run(1, 5))
    rotated(city, gateway, THIRD)
    city.take(gateway, *gateway.run(1, 9))
    words = "give the FIRST public key of this gateway (gateway.first.pub.pem)"
    for given in (SECOND, THIRD):
        report = verify(city.folder / "archive", {given.key_id: given.public_key})
        *_, verdict, advice = report.as_text().splitlines()
        assert verdict.startswith("NOT INTACT")
        assert advice.endswith(words) and given.key_id.hex() in advice
        unknown = [problem for problem in report.problems if problem.kind == "unknown_key"]
        assert unknown and all(problem.detail.endswith(words) for problem in unknown)
        assert report.as_json()["advice"] == [advice]
    stranger = verify(city.folder / "archive", {FORGER.key_id: FORGER.public_key})
    assert not stranger.is_intact and "FIRST" not in stranger.as_text()
    assert city.verified().is_intact and city.verified().advice == []


def test_a_new_key_that_the_old_one_has_not_signed_is_refused(city: City) -> None:
    """A change signed by another key, and batches under it: counted, not stored, not receipted; in an archive a problem."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(2))
    forged = change(gateway, SECOND, FORGER)
    give(city, forged, FIRST)
    gateway.signer = SECOND
    assert city.take(gateway, *gateway.run(1)) == []
    assert city.counters()["SignatureInvalid"] == 2
    assert "key_change" not in city.events()
    # Somebody puts the forged change and its batch into the archive.
    city.archive.keep_key_change(GATEWAY, FIRST.key_id, forged)
    report = city.verified()
    assert not report.key_changes and [note.kind for note in report.notes] == ["not_checked"]
    tampered = bytearray(change(gateway, SECOND, FIRST))
    tampered[-1] ^= 1
    city.archive.keep_key_change(GATEWAY, FIRST.key_id, bytes(tampered))
    assert [problem.kind for problem in city.verified().problems] == ["SignatureInvalid"]


def test_a_retired_key_signs_nothing_more(city: City) -> None:
    """Batches above the named number, a new instance and a state beyond it, all by the old key: refused and shown, the lane goes on."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(3))
    thief = SigningGateway()
    thief.number, thief.link, thief.table = gateway.number, gateway.link, gateway.table
    rotated(city, gateway, SECOND)
    assert city.take(thief, thief.seal((), fresh=True)) == []
    other = SigningGateway(instance=b"thief...")
    assert city.take(other, *other.run(2)) == []
    city.take(thief, thief.state(), word="state")
    assert city.counters()["RetiredKey"] == 4
    assert city.events().count("retired_key") == 1, "once an hour is enough"
    assert [receipt.number for receipt in city.take(gateway, gateway.seal((), fresh=True))] == [4]
    assert city.verified().is_intact


def test_a_new_key_does_not_sign_what_was_the_old_ones(city: City) -> None:
    """A batch under the new key with a number that the change leaves to the old one is refused."""
    gateway = SigningGateway()
    batches = gateway.run(3)
    city.take(gateway, *batches[:2])
    again = SigningGateway()
    again.run(2)
    rotated(city, gateway, SECOND)
    again.signer = SECOND
    assert city.take(again, again.seal((), fresh=True)) == []
    assert city.counters()["EarlyKey"] == 1
    assert [receipt.number for receipt in city.take(gateway, batches[2])] == [3], (
        "the old key's last batch still counts"
    )


def test_a_gateway_that_is_older_than_its_key_learns_how_far_we_are(city: City) -> None:
    """Restored from before the change it signs those numbers anew: that is refused, and our receipt says that it was restored."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(4))
    restored = SigningGateway()
    restored.run(2)
    rotated(city, gateway, SECOND)
    restored.signer = SECOND
    city.now_ms += 60_000
    assert [receipt.number for receipt in city.take(restored, restored.seal((), fresh=True))] == [4]
    assert city.counters()["EarlyKey"] == 1 and city.verified().is_intact


def test_a_gap_may_be_signed_by_the_new_key_for_old_numbers(city: City) -> None:
    """What is given up after a change was signed before it: the gap carries the new key, and the chain stays whole."""
    gateway = SigningGateway()
    batches = gateway.run(3)
    city.take(gateway, batches[0])
    rotated(city, gateway, SECOND)
    city.take(gateway, gateway.gap(2, 3))
    assert [receipt.number for receipt in city.take(gateway, gateway.seal([frame(9)], fresh=True))] == [4]
    assert city.verified().is_intact


def test_a_key_changes_once() -> None:
    """A second, different change of one key, and one back to an older key, are forks; what cannot be proved is given back."""
    gateway = SigningGateway()
    succession = KeySuccession(GATEWAY, FIRST.public_key)
    first, second = change(gateway, SECOND), change(gateway, THIRD)
    back = change(gateway, FIRST, SECOND)
    stranger = change(gateway, THIRD, FORGER)
    assert succession.add_all([stranger, back, first]) == [stranger, back]
    for raw in (second, back):
        with pytest.raises(WireError) as caught:
            succession.add(raw)
        assert caught.value.name == "KeyFork"
    assert succession.current == SECOND.key_id


def test_a_restored_collector_asks_again_and_says_so(city: City) -> None:
    """The gateway's state promises more and nothing comes for 20 s: one signed resend a minute, an event once, and a gap of
    reason 2 lets the lane go on."""
    gateway = SigningGateway()
    batches = gateway.run(4)
    city.take(gateway, *batches[:2])
    gap = gateway.gap(3, 4, GapReason.TRIMMED)
    fifth = gateway.seal([frame(9)], fresh=True)
    city.take(gateway, gateway.state(), word="state")

    def topics(milliseconds: int) -> list[str]:
        city.now_ms += milliseconds
        return [item.topic.rsplit("/", 1)[1] for item in city.intake.take([], city.now_ms, 1_790_000_000_000)]

    assert "resend" not in topics(1_000) + topics(18_000)
    assert "resend" in topics(2_000)
    assert "resend" not in topics(30_000)
    assert "resend" in topics(31_000)
    assert city.events().count("behind_receipts") == 1
    city.take(gateway, gap)
    assert [receipt.number for receipt in city.take(gateway, fifth)] == [5]
    assert "resend" not in topics(120_000)
    report = city.verified()
    assert report.is_intact and report.chains[0].gaps == [(3, 4, 2)]
    assert "not in this archive: trimmed" in report.as_text()


def test_an_older_state_of_an_online_gateway_is_answered_with_our_receipt(city: City) -> None:
    """A gateway restored from an older copy hears at once how far its numbers were used."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(3))
    city.now_ms += 2_000
    early = SigningGateway()
    early.run(1)
    assert [receipt.number for receipt in city.take(early, early.state(), word="state")] == [3]


def test_the_report_of_a_change_is_json(make_city: Callable[..., City], tmp_path: Path) -> None:
    """What an auditor's program reads: gateway, old and new key id."""
    city = make_city()
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(1))
    rotated(city, gateway, SECOND)
    found = json.loads(json.dumps(city.verified().as_json()))["key_changes"]
    assert found == [{"gateway": GATEWAY, "old": FIRST.key_id.hex(), "new": SECOND.key_id.hex()}]
