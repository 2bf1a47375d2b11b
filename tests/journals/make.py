# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`python -m tests.journals.make`: a small journal of the present format, as `tests/journals/v<N>/`, never made anew.

It has whatever a journal can have: three lanes, several segments, node tables that lean on earlier batches, opaque rows, the
gateway's own readings, received ranges, receipts, a snapshot, a segment that was given up, damage that recovery mended, a torn
end and the new instance after it, quarantine. `expected.json` is what the program that made it read from it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway_agent.journal import Journal, JournalLimits, ReceiptVerdict
from gateway_agent.journal.segment import FORMAT_VERSION
from gateway_agent.model import GatewayId, Lane, OwnReading, Receipt, Received
from gateway_agent.operate.journal_folder import JournalFolder
from gateway_agent.operate.stored_batches import latest_batches
from gateway_agent.wire.loss import LossReason, loss_records
from startcity.journal_page import batch_object
from tests.support.signed_journal import SignedJournal
from tests.support.signing_gateway import START_MS, kid, test_only_signer

HERE = Path(__file__).parent
GATEWAY = GatewayId("test-only-01")
GATEWAY_KEY, COLLECTOR_KEY = test_only_signer("sample journal"), test_only_signer("sample collector")
LIMITS = JournalLimits(bytes_max=1 << 20, segment_bytes=1_200)


def read_sample(folder: Path) -> dict[str, Any]:
    """All that a program can read from a journal: every batch with its readings, and what recovery tells admission."""
    batches = [
        batch_object(batch, with_readings=True)
        for lane in Lane
        for batch in latest_batches(JournalFolder(folder), lane, 1_000)
    ]
    journal = Journal.open(folder, GATEWAY, LIMITS, scan_all=True)
    stored = [item for lane in Lane for item in journal.read_after(lane, None, 0, 1_000, 1 << 30)]
    content = {
        "batches": batches,
        "sha256": [hashlib.sha256(item.batch).hexdigest() for item in stored],
        "received": {
            name.hex(): [floor, ranges] for name, (floor, ranges) in sorted(journal.recovery.received.items())
        },
        "receipted": {lane.word: journal.receipted(lane) for lane in Lane},
        "contradicted": [[lane.word, instance.hex()] for lane, instance in journal.contradicted()],
        "findings": dict(journal.recovery.reasons),
        "quarantine": list(journal.recovery.quarantined),
    }
    journal.close()
    return json.loads(json.dumps(content))  # type: ignore[no-any-return]


def make(folder: Path) -> None:
    """Fill `folder`/journal and write `folder`/expected.json."""
    directory = folder / "journal"
    instances = _instances()
    sample = SignedJournal(directory, GATEWAY, GATEWAY_KEY, LIMITS, draw_instance=instances.__next__)
    for number in range(9):
        sample.append(Lane.RECORD, 2 + number % 2)
        sample.append(Lane.TREND)
    sample.append(Lane.ALARM, 1)
    sample.append_opaque(Lane.RECORD, b"\x81no pack")
    sample.append(Lane.TREND, boot=7)
    lost = [Received(kid(2), 0, ((1, 5), (9, 9)))]
    sample.append_own(
        Lane.ALARM,
        *loss_records(lost, LossReason.EVICTED, START_MS),
        OwnReading("clock_bound", START_MS, (-1, 15)),
        OwnReading("word", None, "a text"),
        OwnReading("flag", None, True),
        OwnReading("count", None, 5),
    )
    sample.evict_oldest()
    sample.receipt(Lane.ALARM, 1, COLLECTOR_KEY)
    sample.receipt(Lane.RECORD, 1, COLLECTOR_KEY)
    sample.close()
    _damage_middle(sorted((directory / "record").glob("*.seg"))[1])
    with sorted((directory / "trend").glob("*.seg"))[-1].open("ab") as file:
        file.write(b"SCe1\x00\x00\x01")
    # Recovery mends both: a gap for the damaged batch, and a new instance behind the torn end.
    mended = SignedJournal(directory, GATEWAY, GATEWAY_KEY, LIMITS, draw_instance=instances.__next__, scan_all=True)
    assert dict(mended.journal.recovery.reasons) == {"damaged": 1, "torn_tail": 1}, mended.journal.recovery
    mended.next_number = sample.next_number
    for _ in range(4):
        mended.append(Lane.TREND)
    mended.append(Lane.RECORD)
    # The city has another history of the older instance: it is marked, and sent once.
    other = Receipt(GATEWAY, Lane.TREND, sample.batches[Lane.TREND][0].instance, 6, b"x" * 32)
    assert mended.journal.note_receipt(other, b"") is ReceiptVerdict.CONTRADICTION
    mended.journal.note_sent(Lane.TREND, other.instance, 8)
    mended.close()
    (directory / "lock").unlink()
    content = read_sample(directory)
    assert content["findings"] == {}
    (directory / "lock").unlink()
    rows = ",\n".join(json.dumps(batch, separators=(",", ":")) for batch in content.pop("batches"))
    rest = json.dumps(content, separators=(",", ":"))
    (folder / "expected.json").write_text(f'{rest[:-1]},\n"batches":[\n{rows}\n]}}\n', encoding="utf-8")
    (folder / "gateway.pub.pem").write_bytes(GATEWAY_KEY.public_pem())
    (folder / "collector.pub.pem").write_bytes(COLLECTOR_KEY.public_pem())


def _instances() -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        yield b"sample" + number.to_bytes(2, "big")


def _damage_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)


if __name__ == "__main__":
    target = HERE / f"v{FORMAT_VERSION}"
    if target.exists():
        sys.exit(f"{target} is there: it stays as it is for ever, whatever the program becomes")
    target.mkdir()
    try:
        make(target)
    except BaseException:
        shutil.rmtree(target)
        raise
