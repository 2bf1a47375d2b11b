# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Whether a command from the city may be executed now. Pure: everything it depends on is an argument.

The order of the checks is the order of trust, so a refusal says the first thing that is wrong:

    1 CommandOperator     no operator has this key
    2 SignatureInvalid    it is not his signature
    3 CommandRevoked      his key was taken off the list
    4 CommandGateway      it is for another gateway
    5 CommandBoot         it is for another boot of this gateway
    6 CommandNumber       its number is not above the highest that was taken of this key: repeated, or out of order
    7 CommandExpired      its time is over
    8 CommandUnknown      nobody knows its code
    9 CommandBusy         64 commands wait for their nodes already
   10 CommandRate         more than 20 at once, or than one in 3 s
"""

from __future__ import annotations

from typing import NamedTuple

from gateway_agent.control.operators import Operator
from gateway_agent.errors import PeerError, WireError
from gateway_agent.model import ClockReading, GatewayId
from gateway_agent.pace import Pace
from gateway_agent.wire import cbor
from gateway_agent.wire.command import CITY_WORDS, CODE_MOVE_NODES, CityCommand, verify_command
from gateway_agent.wire.cose import Sign1
from gateway_agent.wire.down import CODE_CONFIGURE, CODE_GENERATION

WAITING_MAX = 64
SETTINGS_MAX = 64


class Standing(NamedTuple):
    """Where the gateway stands when a command comes."""

    gateway_id: GatewayId
    clock: ClockReading
    highest: int  # number taken of this operator's key
    waiting: int


def check_city_command(
    signed: Sign1, command: CityCommand, operator: Operator | None, standing: Standing, pace: Pace
) -> None:
    """Return if it may be executed.

    Raises:
        PeerError: with one of the names above.
    """
    if operator is None:
        raise PeerError("CommandOperator", f"key {signed.key_id.hex()} is not on the list of operators")
    verify_command(signed, command, operator.public_key)
    clock = standing.clock
    if operator.is_revoked:
        raise PeerError("CommandRevoked", f"the key of {operator.name} was revoked")
    if command.gateway_id != standing.gateway_id:
        raise PeerError("CommandGateway", f"it is for {command.gateway_id}")
    if command.boot_id != clock.boot_id:
        raise PeerError("CommandBoot", f"it is for boot {command.boot_id.hex()}, this is {clock.boot_id.hex()}")
    if command.number <= standing.highest:
        raise PeerError("CommandNumber", f"{command.number} is not above {standing.highest}")
    if clock.monotonic_ms > command.last_ms:
        raise PeerError("CommandExpired", f"{clock.monotonic_ms - command.last_ms} ms ago")
    if command.code not in CITY_WORDS:
        raise PeerError("CommandUnknown", f"code {command.code}")
    if standing.waiting >= WAITING_MAX:
        raise PeerError("CommandBusy", f"{standing.waiting} commands wait")
    if not pace.allow(clock.monotonic_ms):
        raise PeerError("CommandRate", "20 at once, then one in 3 s")


def node_request(command: CityCommand) -> dict[str, object]:
    """What `startcity node command` would ask for.

    Raises:
        PeerError: `CommandRefused`: an argument that does not go with the code.
    """
    assert command.node_id is not None
    content: dict[str, object] = {"node": command.node_id.hex(), "command": CITY_WORDS[command.code]}
    if command.code == CODE_CONFIGURE:
        content["settings"] = _settings(command.argument)
    elif command.code == CODE_GENERATION:
        content["generation"] = _generation(command.argument)
    elif command.argument is not None:
        raise PeerError("CommandRefused", f"{CITY_WORDS[command.code]} takes no argument")
    return content


def gateway_argument(command: CityCommand) -> int | None:
    """The argument of a gateway's own command: the generation for `move-nodes`, else nothing.

    Raises:
        PeerError: `CommandRefused`.
    """
    if command.code == CODE_MOVE_NODES:
        return _generation(command.argument)
    if command.argument is not None:
        raise PeerError("CommandRefused", f"{CITY_WORDS[command.code]} takes no argument")
    return None


def _generation(argument: object) -> int:
    if type(argument) is not int or not 0 <= argument <= 0x7FFFFFFF:
        raise PeerError("CommandRefused", "a generation is a number from 0 on")
    return argument


def _settings(argument: object) -> dict[str, object]:
    try:
        settings = cbor.decode(argument) if isinstance(argument, bytes) else None
    except WireError as error:
        raise PeerError("CommandRefused", f"settings: {error.name}") from error
    if not isinstance(settings, dict) or not 0 < len(settings) <= SETTINGS_MAX:
        raise PeerError("CommandRefused", "configure needs a map of settings")
    for name, value in settings.items():
        if not isinstance(name, str) or not isinstance(value, int | bool | str | float):
            raise PeerError("CommandRefused", "a setting is a name with a number, a boolean or text")
    return {str(name): value for name, value in settings.items()}
