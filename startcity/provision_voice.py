# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What `startcity provision` says: words for people, or events for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from enum import StrEnum

import rich_click as click

from startcity.words import say
from tools.provision.steps import Step

_HALF_A_DAY_S = 43_200


class Waits(StrEnum):
    """What a step waits for."""

    NODE = "node"
    SEAL = "seal"
    CHECK = "check"
    RECEIPT = "receipt"
    LABEL = "label"
    GATEWAY = "gateway"


class Voice:
    """Each call is heard by one of the two."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def event(self, event: str, **values: object) -> None:
        """For programs only."""
        if self.as_json:
            click.echo(json.dumps({"v": 1, "event": event, **values}, ensure_ascii=False))

    def words(self, text: str) -> None:
        """For people only."""
        if not self.as_json:
            click.echo(text)


def waiting_words(waits: Waits, node: str, left_s: float, silence_s: int, *, sleeps: bool) -> str:
    """What is waited for, and until when."""
    form = "%H:%M:%S" if left_s < _HALF_A_DAY_S else "%Y-%m-%d %H:%M"
    until = time.strftime(form, time.localtime(time.time() + left_s))
    match waits:
        case Waits.NODE if sleeps:
            template = (
                "Waiting for node {node}, until {until} at the latest: it sleeps, and speaks every {minutes} minutes at least. "
                "Its reset button makes it speak at once."
            )
        case Waits.NODE:
            template = (
                "Waiting for node {node}, until {until} at the latest: it obeys when it has something new to say, every "
                "{minutes} minutes at least. Switched off and on it does so at once."
            )
        case Waits.SEAL:
            template = "Waiting until the gateway has sealed what the node said, until {until} at the latest."
        case Waits.CHECK:
            template = "Waiting for a reading that passes, until {until} at the latest."
        case Waits.RECEIPT:
            template = "Waiting for the collector's receipt, until {until} at the latest: does it run?"
        case Waits.LABEL:
            template = "Waiting for the end of the label, until {until} at the latest."
        case Waits.GATEWAY:
            template = "The gateway does not run any more: waiting for it, until {until} at the latest."
    return say(template, node=node, until=until, minutes=silence_s // 60)


def step_words(step: Step) -> str:
    """What people are told that a step does."""
    return dict(_steps())[step]


def _steps() -> Iterator[tuple[Step, str]]:
    yield Step.READ, say("Ask the board who it is")
    yield Step.WRITE, say("Correct its network and settings")
    yield Step.REGISTER, say("Register the node at the gateway")
    yield Step.START, say("Start it")
    yield Step.FIND, say("Find the node")
    yield Step.CONFIGURE, say("Set it up")
    yield Step.MOVE, say("Move it to the gateway's keys")
    yield Step.CHECK, say("Check what it measures")
    yield Step.VERIFY, say("Wait for the city's receipt of its first reading")
    yield Step.RETIRE, say("End the label")
