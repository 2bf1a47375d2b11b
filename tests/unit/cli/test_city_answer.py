# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What `startcity collector command` prints for people."""

from __future__ import annotations

import json
import time

import pytest

from gateway_agent.model import ClockReading, GatewayId
from gateway_agent.operate import report
from gateway_agent.wire.answer import Answer, AnswerState
from startcity.city_command import answer_lines

DONE, FAILED = AnswerState.DONE, AnswerState.FAILED


def lines(word: str, result: int | str | bytes | None, state: AnswerState = DONE, reason: str = "") -> list[str]:
    clock = ClockReading(bytes(8), 0, None, 0, None)
    answer = Answer(GatewayId("gw-1"), clock, 1, 1, state, reason, result, bytes(32), bytes(8))
    return answer_lines("gw-1", word, answer)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (lines("identify", 0), "gw-1: identify is done"),
        (lines("identify", 3, FAILED), "gw-1: identify has failed: not possible now"),
        (lines("identify", 99, FAILED), "gw-1: identify has failed: unknown result 99"),
        (lines("identify", None, AnswerState.TAKEN), "gw-1: identify is taken"),
        (lines("reboot", None, AnswerState.REFUSED, "CommandBoot"), "gw-1: reboot is refused: CommandBoot"),
        (lines("rotate-key", b"\xab" * 32), f"gw-1: rotate-key is done: the new public key is {'ab' * 32}"),
        (lines("move-nodes", "asked 3"), "gw-1: move-nodes is done: asked 3"),
    ],
)
def test_an_answer_is_one_line_in_words(found: list[str], says: str) -> None:
    """A result of 0 adds nothing to "done"; any other is named."""
    assert found == [says]


def test_a_status_is_the_screen_of_gateway_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of whatever machine and clock: it has just answered, so it runs; what is no such status is shown as indented JSON, or as is."""
    monkeypatch.setenv("STARTCITY_LANG", "en")
    old_ms = time.time_ns() // 1_000_000 - 86_400_000
    status = {
        "gateway": "gw-1",
        **report.process_report(old_ms, 86_400_000, stopped=False),
        "written_at_unix_ms": old_ms,
    }
    said, first, process, *_ = lines("status", json.dumps(status | {"clock": {"state": "synchronised", "bound_s": 1}}))
    assert said == "gw-1: status is done"
    assert first.split() == ["gw-1", "well"] and "running for" in process
    assert lines("status", '{"gateway": "gw-1", "new": [1]}')[1:3] == ["{", ' "gateway": "gw-1",']
    assert lines("status", "[1]")[1:] == ["[", " 1", "]"]
    assert lines("status", "no JSON") == ["gw-1: status is done", "no JSON"]
