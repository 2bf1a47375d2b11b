# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity collector command`: an operator asks something of a gateway, or of a node through it, over the city's broker."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import time
from pathlib import Path
from typing import NamedTuple

import rich_click as click
from click.exceptions import Exit

from collector.config import Config, load_config
from gateway_agent.control.commands import RESULTS
from gateway_agent.errors import ConfigError, Unavailable, WireError
from gateway_agent.model import GatewayId, NodeId
from gateway_agent.mqtt.mqtt_client import Endpoint, Messages, open_connection
from gateway_agent.mqtt.staying_connected import connect_reason
from gateway_agent.operate.write_budget import Card
from gateway_agent.wire import cbor
from gateway_agent.wire.answer import Answer, AnswerState, open_answer
from gateway_agent.wire.command import (
    CITY_CODES,
    CODE_MOVE_NODES,
    CODE_ROTATE_KEY,
    CODE_STATUS,
    GATEWAY_CODE_MIN,
    CityCommand,
    sign_command,
)
from gateway_agent.wire.cose import parse_sign1
from gateway_agent.wire.down import CODE_CONFIGURE, CODE_GENERATION
from gateway_agent.wire.key_succession import KeySuccession
from gateway_agent.wire.signer import Signer, load_signer
from gateway_agent.wire.state import State, open_state
from startcity.node_command import parse_setting
from startcity.status_page import page_of, text_of
from tools.node_id import parse_node_id

_FILE = click.Path(path_type=Path, dir_okay=False)
_STATE_WAIT_S = 10.0
_VALID_S = 600
# What another number, boot or time puts right; everything else needs a person.
_WORTH_ANOTHER = ("CommandExpired", "CommandBoot", "CommandNumber")
NOT_RIGHT = 1
_CARD = Card(32_000_000_000, 1_000, 4_096 << 10)  # the defaults of `startcity gateway status`
_STATES = {
    AnswerState.TAKEN: "is taken",
    AnswerState.DONE: "is done",
    AnswerState.FAILED: "has failed",
    AnswerState.REFUSED: "is refused",
    AnswerState.EXPIRED: "has expired, the node was not heard in time",
    AnswerState.REPLACED: "was replaced by a newer command",
}


class Asked(NamedTuple):
    """What is asked for, before it has a number."""

    gateway_id: GatewayId
    code: int
    node_id: NodeId | None
    argument: int | bytes | None


@click.command("command")
@click.argument("gateway")
@click.argument("word", metavar="COMMAND", type=click.Choice(list(CITY_CODES)))
@click.argument("node", metavar="[NODE]", required=False)
@click.argument("generation", metavar="[N]", required=False)
@click.option("--operator", "operator_key", type=_FILE, required=True, envvar="STARTCITY_OPERATOR_KEY", show_envvar=True,
              help="The operator's private key, from `startcity operator init`.")  # fmt: skip
@click.option("--config", "config_path", type=_FILE, default=Path("collector.toml"), show_default=True,
              help="The collector's configuration: its broker, and the gateways' public keys.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="With configure; may be repeated.")
@click.option("--wait", "wait_s", type=click.FloatRange(0), default=60.0, show_default=True, metavar="SECONDS",
              help="How long to wait for the end.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    gateway: str,
    word: str,
    node: str | None,
    generation: str | None,
    operator_key: Path,
    config_path: Path,
    settings: tuple[str, ...],
    wait_s: float,
    as_json: bool,
) -> None:
    """Command a gateway over the city's broker; the answer is signed by the gateway.

    To a node: identify, reboot, sample, rezero, configure (with --set), generation N. To the gateway itself: status,
    rotate-key, move-nodes N (all nodes that have a root of generation N). The gateway takes it only from an operator on
    its list, for its present boot, once, and within ten minutes.

    Exit codes: 0 done; 1 refused or failed, or the node said no; 2 a setting is wrong; 3 the gateway is not there, or there
    is no end yet (state `taken`: the command waits for its node).

    \b
    Examples:
      startcity collector command piacenza-01 identify aabbccddee01 --operator anna.pem
      startcity collector command piacenza-01 configure aabbccddee01 --set heartbeat_s=900 --operator anna.pem --wait 300
      startcity collector command piacenza-01 move-nodes 1 --operator anna.pem --json
    """
    config = load_config(config_path)
    signer = load_signer(operator_key)
    asked = _asked(gateway, word, node, generation, settings)
    succession = _succession(config, gateway)
    broker = config.broker
    name = f"sc-operator-{secrets.token_hex(6)}"
    endpoint = Endpoint(
        broker.host,
        broker.port,
        name,
        username=broker.username,
        password=None if broker.username is None else (config.load_password() or "").encode(),
        tls=config.tls_context(),
    )
    answer = asyncio.run(_call(endpoint, succession, signer, asked, wait_s))
    found = {
        "gateway": gateway,
        "command": word,
        "node": None if asked.node_id is None else asked.node_id.hex(),
        "number": answer.number,
        "state": answer.state.word,
        "reason": answer.reason,
        "result": answer.result.hex() if isinstance(answer.result, bytes) else answer.result,
        "operator": answer.operator.hex(),
    }
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        for line in answer_lines(gateway, word, answer):
            click.echo(line)
    if answer.state is AnswerState.TAKEN:
        raise Unavailable(f"no end within {wait_s:g} s; the command goes on waiting for its node")
    if answer.state is not AnswerState.DONE:
        raise Exit(NOT_RIGHT)


def answer_lines(gateway: str, word: str, answer: Answer) -> list[str]:
    """The answer as people read it."""
    said = f"{gateway}: {word} {_STATES[answer.state]}"
    if answer.reason:
        said += f": {answer.reason}"
    code, result = CITY_CODES[word], answer.result
    if code == CODE_STATUS and answer.state is AnswerState.DONE and isinstance(result, str):
        return [said, *_status_lines(result)]
    if code == CODE_ROTATE_KEY and isinstance(result, bytes):
        return [f"{said}: the new public key is {result.hex()}"]
    if isinstance(result, int):  # a node's word
        is_known = 0 <= result < len(RESULTS)
        return [said if result == 0 else f"{said}: {RESULTS[result] if is_known else f'unknown result {result}'}"]
    return [said if result in (None, "") else f"{said}: {result.hex() if isinstance(result, bytes) else result}"]


def _status_lines(text: str) -> list[str]:
    """The screen of `startcity gateway status`. A gateway of another version may say other things: then as it said them."""
    try:
        status = json.loads(text)
    except ValueError:
        return [text]
    try:
        # It has just answered, so it runs; its clock, not the one here, says when.
        page = page_of(status | {"is_running": True}, {}, _CARD, int(status["written_at_unix_ms"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return json.dumps(status, indent=1, sort_keys=True, ensure_ascii=False).splitlines()
    return [text_of(line) for line in page]


def _asked(gateway: str, word: str, node: str | None, generation: str | None, settings: tuple[str, ...]) -> Asked:
    code = CITY_CODES[word]
    if code >= GATEWAY_CODE_MIN:
        if generation is not None or (node is not None and code != CODE_MOVE_NODES):
            raise click.UsageError(f"{word} is for the gateway itself, and names no node")
        node, generation = None, node
    elif node is None:
        raise click.UsageError(f"{word} needs a node: 12 hex digits")
    argument: int | bytes | None = None
    if code in (CODE_MOVE_NODES, CODE_GENERATION):
        if generation is None or not generation.isdecimal():
            raise click.UsageError(f"{word} needs the number of a key generation")
        argument = int(generation)
    elif generation is not None:
        raise click.UsageError(f"{word} takes no number")
    if code == CODE_CONFIGURE:
        if not settings:
            raise click.UsageError("configure needs --set NAME=VALUE")
        argument = cbor.encode(dict(parse_setting(text) for text in settings))
    elif settings:
        raise click.UsageError(f"{word} takes no settings")
    return Asked(GatewayId(gateway), code, None if node is None else NodeId(bytes(parse_node_id(node))), argument)


def _succession(config: Config, gateway: str) -> KeySuccession:
    key = config.load_gateway_keys().get(gateway)
    if key is None:
        raise ConfigError(f"{config.path}: [[gateway]] {gateway} is not listed, so nobody here knows its key")
    succession = KeySuccession(gateway, key)
    with contextlib.suppress(OSError):  # the changes are retained at the broker, too
        succession.add_all([path.read_bytes() for path in (config.archive / gateway / "keys").glob("*.cose")])
    return succession


async def _call(endpoint: Endpoint, succession: KeySuccession, signer: Signer, asked: Asked, wait_s: float) -> Answer:
    """Send and wait. Raises: Unavailable."""
    arrived: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def on_messages(messages: Messages) -> None:
        for topic, payload in messages:
            arrived.put_nowait((topic.decode(errors="replace"), payload))

    base = f"sc/{asked.gateway_id}"
    try:
        connection = await open_connection(endpoint, on_messages)
    except Unavailable as error:
        raise Unavailable(connect_reason(error, "broker", f"{endpoint.host}:{endpoint.port}")) from error
    try:
        await connection.subscribe([(f"{base}/key/+", 1), (f"{base}/state", 1), (f"{base}/answer", 1)])
        state = await _state(arrived, succession, base)
        clock = state.clock
        now_ms = time.time_ns() // 1_000_000
        here_ms = clock.monotonic_ms + (max(0, now_ms - clock.wall_ms) if clock.wall_ms is not None else 0)
        boot_id, number, last_ms = clock.boot_id, now_ms, here_ms + _VALID_S * 1_000
        deadline_s = time.monotonic() + wait_s
        answer: Answer | None = None
        for is_last in (False, True):
            made = CityCommand(asked.gateway_id, boot_id, number, last_ms, asked.code, asked.node_id, asked.argument)
            raw = sign_command(made, signer)
            reason = await connection.publish(f"{base}/command", raw)
            if reason >= 0x80:
                raise Unavailable(f"the city's broker refused the command (reason {reason}): check its access list")
            answer = await _answer(arrived, succession, base, hashlib.sha256(raw).digest(), deadline_s)
            if answer is None:
                raise Unavailable(f"no answer within {wait_s:g} s: see `startcity collector show` whether it was taken")
            if is_last or not answer.reason.startswith(_WORTH_ANOTHER):
                break
            # The gateway has said what it is now; a refused command was not executed, so another may be sent.
            boot_id, number = answer.clock.boot_id, max(number, answer.highest) + 1
            last_ms = answer.clock.monotonic_ms + _VALID_S * 1_000
        assert answer is not None
        return answer
    finally:
        await connection.close()


async def _state(arrived: asyncio.Queue[tuple[str, bytes]], succession: KeySuccession, base: str) -> State:
    """The retained state, once it is proved: the changes of the key may come behind it."""
    changes: list[bytes] = []
    states: list[bytes] = []
    deadline_s = time.monotonic() + _STATE_WAIT_S
    while True:
        message = await _next(arrived, deadline_s)
        if message is None:
            raise Unavailable(
                f"{base}/state: the gateway has said nothing there that its key has signed: is its id right, is its key in"
                " collector.toml, and was it ever connected?"
            )
        topic, payload = message
        if topic.startswith(f"{base}/key/"):
            changes = succession.add_all([*changes, payload])
        elif topic == f"{base}/state":
            states = [payload]
        for raw in states:
            try:
                signed = parse_sign1(raw)
                state = open_state(raw, succession.key_of(signed.key_id))
            except WireError:
                continue
            if not state.online:
                raise Unavailable(f"{base[3:]} is not connected to the city's broker; commands are not kept for it")
            return state


async def _answer(
    arrived: asyncio.Queue[tuple[str, bytes]], succession: KeySuccession, base: str, digest: bytes, deadline_s: float
) -> Answer | None:
    """The end, or what came last in time."""
    last: Answer | None = None
    while True:
        message = await _next(arrived, deadline_s)
        if message is None:
            return last
        topic, payload = message
        try:
            if topic.startswith(f"{base}/key/"):
                succession.add(payload)
            if topic != f"{base}/answer":
                continue
            answer = open_answer(payload, succession.key_of(parse_sign1(payload).key_id))
        except WireError:
            continue
        if answer.digest != digest or answer.gateway_id != base[3:]:
            continue
        if last is not None and answer.state is AnswerState.REFUSED:
            continue  # the broker delivered the command twice; the second was refused, as it should be
        if answer.state is not AnswerState.TAKEN:
            return answer
        last = answer


async def _next(arrived: asyncio.Queue[tuple[str, bytes]], deadline_s: float) -> tuple[str, bytes] | None:
    try:
        async with asyncio.timeout(max(0.0, deadline_s - time.monotonic())):
            return await arrived.get()
    except TimeoutError:
        return None
