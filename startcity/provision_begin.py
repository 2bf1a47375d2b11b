# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which node `startcity provision` is about, and what it shall be: from the command line, a person's answers, or where it stopped."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import rich_click as click

from device_profiles import Profile
from gateway_agent.config import Config
from gateway_agent.errors import ConfigError
from startcity.known_profile import profile_among
from startcity.provision_cable import check_board
from startcity.provision_sources import Sources
from startcity.words import say
from tools.node_id import parse_node_id
from tools.provision.board_program import BoardReport, check_of
from tools.provision.state_file import read_progress, unfinished
from tools.provision.steps import Progress


def begun(
    sources: Sources,
    node: str | None,
    board: BoardReport | None,
    name: str | None,
    place: str | None,
    settings: dict[str, Any],
    profiles: Mapping[str, Profile],
    *,
    without_asking: bool,
) -> Progress:
    """`node` is the one that was named or is on the cable. Raises: ConfigError."""
    if sources.label is None and node is None:
        if not sys.stdin.isatty():
            raise ConfigError(say("There is no node yet: give --label-file, or ID with --file."))
        sources.ask_label()
    node_id = sources.label.node_id if sources.label is not None else parse_node_id(node or "")
    if node is not None and parse_node_id(node) != node_id:
        if board is not None:
            check_board(board, node_id.hex(), board.profile, {})
        raise ConfigError(say("The label is of node {node}, not of the one named.", node=node_id.hex()))
    from_file, known = sources.from_file(node_id), sources.known(node_id)
    if sources.label is None and not known and not from_file:
        if board is None or sources.has_file or not sys.stdin.isatty():
            raise ConfigError(
                say(
                    "Neither the file nor the gateway knows node {node}: give its label with --label-file, or, if that is lost, a file "
                    "that stands in for it with --file: `startcity vault commission {node} --generation 0 ...` makes it at the vault.",
                    node=node_id.hex(),
                )
            )
        sources.ask_label()
    records = [*from_file, *known]
    profile = sources.label.profile if sources.label is not None else records[-1].profile
    profile_among(profiles, profile)  # refuses what is not known
    there = next(((n.name, n.place) for n in reversed(records) if n.name or n.place), ("", ""))
    return Progress(
        node=node_id.hex(),
        profile=profile,
        name=_answer(name, there[0], "--name", say("Name of the node"), without_asking),
        place=_answer(place, there[1], "--place", say("Place of the node"), without_asking),
        settings=settings,
        is_wired=board is not None,
        label="" if sources.label is None else check_of(sources.label.root),
    )


def served(gateway: Config, wanted: Progress, skipped: tuple[str, ...], *, without_collector: bool) -> Progress | None:
    """The state of a node that is in service with all that is wanted. A damaged one counts for nothing: it will be replaced."""
    try:
        old = read_progress(gateway.data, wanted.node)
    except ConfigError:
        return None
    if old is None or not old.covers(wanted, skipped) or (old.proof is None and not without_collector):
        return None
    return old


def _answer(given: str | None, known: str, flag: str, question: str, without_asking: bool) -> str:
    if given is not None or known:
        return given if given is not None else known
    if without_asking or not sys.stdin.isatty():
        raise ConfigError(say("An answer is missing: give {flag}.", flag=flag))
    return str(click.prompt(question, err=True))


def resumed(gateway: Config, node: str | None, *, can_begin: bool) -> Progress | None:
    """Where it stopped. None, with a cable: the board will say who it is, and begins anew where nothing was begun."""
    if node is None and can_begin:
        return None
    nodes = [parse_node_id(node).hex()] if node is not None else unfinished(gateway.data)
    if len(nodes) != 1:
        found = ", ".join(nodes) or say("none")
        raise ConfigError(say("Name the node to go on with. Begun and not at their end: {nodes}.", nodes=found))
    progress = read_progress(gateway.data, nodes[0])
    if progress is None and not can_begin:
        raise ConfigError(say("Node {node} was not begun here: call it without --resume.", node=nodes[0]))
    return progress


def check_skipped(profile: Profile, skipped: tuple[str, ...]) -> None:
    known = [check.id for check in profile.commissioning]
    for check in skipped:
        if check not in known:
            raise ConfigError(say("There is no check {check}. Known: {known}.", check=check, known=", ".join(known)))


def check_unchanged(old: Progress, given: Mapping[str, object]) -> None:
    """`given`: by flag, what the command line says. Raises: ConfigError: it was begun with something else, and goes on with that."""
    begun_with = {"--name": old.name, "--place": old.place, "--set": old.settings}
    flags = [flag for flag, value in given.items() if value != begun_with[flag]]
    if flags:
        template = "--resume goes on with what node {node} was begun with: to change {flags}, call it without --resume."
        raise ConfigError(say(template, node=old.node, flags=", ".join(flags)))
