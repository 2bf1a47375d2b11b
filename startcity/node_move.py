# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity node move`: all nodes of a gateway to another key generation, after a theft."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path

import rich_click as click
from click.exceptions import Exit

from gateway_agent.config import load_config
from gateway_agent.control.command_files import ask
from gateway_agent.control.moves import plan_moves
from gateway_agent.errors import ConfigError
from gateway_agent.operate.moved_file import read_moved
from gateway_agent.registry import open_registry
from startcity.gateway_option import gateway_registry_option
from startcity.translated import TranslatedCommand, lang_option
from startcity.words import say
from tools.node_id import parse_node_id

NOT_YET = 1
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("move", cls=TranslatedCommand)
@click.argument("generation", metavar="N", type=click.IntRange(0, 0x7FFFFFFF))
@click.argument("nodes", metavar="[ID]...", nargs=-1)
@gateway_registry_option
@click.option("--dry-run", is_flag=True, help="Only show how far the move has come.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def move(generation: int, nodes: tuple[str, ...], config: Path, dry_run: bool, as_json: bool) -> None:
    """Ask all nodes, or those named, to move to key generation N, after a gateway was stolen.

    Their roots of N come first, from the vault (`vault commission --generation N --out FILE`, then `node import FILE`), at every
    gateway that hears them. A node that was heard under N has moved; nodes that do not answer are asked again by calling this again. Frames
    under older generations then count only for the epochs that were heard before, and for the days of `old_generation_days`.

    Exit code 0: all have moved; 1: some have not yet, or have no root of N; 2: a setting is wrong.

    \b
    Examples:
      startcity node move 1 --config gateway.toml
      startcity node move 1 aabbccddee01 aabbccddee02 --config gateway.toml
      startcity node move 1 --dry-run --json --config gateway.toml
    """
    gateway = load_config(config)
    if not gateway.data.is_dir():
        raise ConfigError(
            say("{folder} does not exist: make the gateway with `startcity gateway init` first.", folder=gateway.data)
        )
    only = {bytes(parse_node_id(node)) for node in nodes} or None
    with open_registry(gateway) as registry:
        records = registry.nodes()
    unknown = sorted(node.hex() for node in (only or set()) - {record.node_id for record in records})
    if unknown:
        raise ConfigError(say("The gateway does not know node {node}.", node=unknown[0]))
    heard = {node_id: found.generation for node_id, found in read_moved(gateway.data).items()}
    plan = plan_moves(records, heard, generation, only)
    asked = [node_id.hex() for node_id, what in plan.items() if what == "ask"]
    if not dry_run:
        now_ms = time.time_ns() // 1_000_000
        for node in asked:
            content = {"node": node, "command": "generation", "generation": generation}
            ask(gateway.data / "commands", f"{now_ms}-{node}-{secrets.token_hex(3)}", content)
    moved = [node_id.hex() for node_id, what in plan.items() if what == "moved"]
    rootless = [node_id.hex() for node_id, what in plan.items() if what == "no root"]
    if as_json:
        found = {"generation": generation, "asked": asked, "moved": moved, "no_root": rootless, "dry_run": dry_run}
        click.echo(json.dumps(found))
    else:
        for node in asked:
            click.echo(say("Node {node}: not moved yet.", node=node))
        for node in rootless:
            click.echo(
                say(
                    "Node {node}: no root of generation {generation} here; import it.", node=node, generation=generation
                )
            )
        click.echo(
            say(
                "Generation {generation}: moved {moved}, to move {asked}, without root {rootless}.",
                generation=generation,
                moved=len(moved),
                asked=len(asked),
                rootless=len(rootless),
            )
        )
    if asked or rootless:
        raise Exit(NOT_YET)
