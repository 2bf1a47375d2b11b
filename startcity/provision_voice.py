# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What `startcity provision` says: words for people, or events for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import rich_click as click

from startcity.words import say
from tools.provision.steps import Step


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
