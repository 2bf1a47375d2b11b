# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Commands of a gateway (docs/wire.md section 4), run once each: the id is stored before.

`node` is what a command acts on: config, generation, app (None where none runs), outbox, trial, is_fallback, is_safe, gateways_heard (a list), fault(part, reason),
report_result(gateway id, command id, result), report_lost(), use_root(root, generation) and restart(why).
"""

import asyncio

from node_core import cbor_reader, new_settings
from node_core.keys import derive_root
from node_io import borrowed, config_store, light, nvs, settled

IDENTIFY = 1
REBOOT = 2
SAMPLE = 3
REZERO = 4
CONFIGURE = 5
GENERATION = 6

_GATEWAYS_MAX = 8

DONE = 0
UNKNOWN = 1
BAD_ARGUMENT = 2
NOT_NOW = 3
RESTORED = 4
NOT_PROVEN = 5
STALE = 6


def obey(node, gateway_id: str, command: list, proven: int) -> None:
    """Run a command if its id is new. `proven` is the key generation under which it came."""
    numbers = node.outbox.numbers
    last = numbers.commands.get(gateway_id, -1)
    if command[0] <= last:
        # A gateway that was restored learns where to go on; but it may also be one that repeats what we ran in this boot.
        if gateway_id not in node.gateways_heard:
            node.gateways_heard.append(gateway_id)
            node.report_result(gateway_id, last, STALE)
        return
    if gateway_id not in numbers.commands and len(numbers.commands) >= _GATEWAYS_MAX:
        numbers.commands.pop(list(numbers.commands)[0])
    numbers.commands[gateway_id] = command[0]
    if not node.outbox.save():  # before it is run: a command that resets the board must not run twice
        numbers.commands[gateway_id] = last
        return
    if gateway_id not in node.gateways_heard:
        node.gateways_heard.append(gateway_id)
    run(node, gateway_id, command, proven)


def run(node, gateway_id: str, command: list, proven: int) -> None:
    """Run a command and report its result, or leave that to what it has begun."""
    command_id, code, argument = command
    result = UNKNOWN
    if code <= REZERO and argument is not None:
        result = BAD_ARGUMENT
    elif code == IDENTIFY:
        print("identify asked for by %s" % gateway_id)
        result = _identify(node)
    elif code == REBOOT:
        node.report_result(gateway_id, command_id, DONE)  # on flash: it arrives after the restart at the latest
        settled.forget_failures()
        node.restart("asked for by %s" % gateway_id)
        return
    elif code in (SAMPLE, REZERO):
        result = _ask_app(node, "sample_now" if code == SAMPLE else "rezero")
    elif code == CONFIGURE:
        result = _configure(node, gateway_id, command_id, argument)
        if result is None:
            return
    elif code == GENERATION:
        result = _change_generation(node, argument, proven)
    node.report_result(gateway_id, command_id, result)


def _identify(node) -> int:
    try:
        board = __import__("boards." + node.config["board"], None, None, ("Board",)).Board()
        asyncio.create_task(light.blink(board.pin("led")))
        return DONE
    except (KeyError, ImportError, ValueError):
        return NOT_NOW


def _ask_app(node, what: str) -> int:
    method = getattr(node.app, what, None)
    if method is None:
        return NOT_NOW
    try:
        is_done = method()
        node.fault("command", "")
        return DONE if is_done else NOT_NOW
    except Exception as error:
        node.fault("command", "%s: %s: %s" % (what, type(error).__name__, error))
        return NOT_NOW


def _configure(node, gateway_id: str, command_id: int, argument):
    """None where the board starts again with the new configuration: the result comes when that has held."""
    if node.trial is not None:
        return NOT_NOW
    changed = config_store.load()[0]
    if changed is None:
        return NOT_NOW
    try:
        if not isinstance(argument, bytes):
            return BAD_ARGUMENT
        wanted = new_settings.merged(changed["settings"], cbor_reader.decode(argument))
    except ValueError as error:  # WireError is one
        print("config %s" % error)
        return BAD_ARGUMENT
    if wanted == changed["settings"]:
        return DONE
    changed["settings"] = wanted
    changed["generation"] = node.generation
    try:
        config_store.begin_trial(changed, not node.is_fallback and not node.is_safe, gateway_id, command_id)
    except (OSError, ValueError) as error:
        node.fault("flash", "the configuration cannot be kept: %s" % error)
        return NOT_NOW
    settled.forget_failures()
    node.restart("a new configuration by %s" % gateway_id)
    return None


def _change_generation(node, argument, proven: int) -> int:
    """The order survives a power cut: a new epoch first, which is harmless alone, then the generation. Never a step back."""
    if isinstance(argument, bool) or not isinstance(argument, int):
        return BAD_ARGUMENT
    if proven != argument:
        return NOT_PROVEN
    if argument == node.generation:
        return DONE
    try:
        root = derive_root(nvs.master(), argument)
    except OSError as error:
        node.fault("flash", "the key cannot be read: %s" % error)
        return NOT_NOW
    node.report_lost()  # a loss record speaks of its own epoch
    node.outbox.flush()
    borrowed.call("node_io.queue_rare", "start_epoch", node.outbox, "key generation %d" % argument)
    if not nvs.put("generation", argument):
        node.fault("flash", "the key generation cannot be stored")
        return NOT_NOW
    node.use_root(root, argument)
    return DONE
