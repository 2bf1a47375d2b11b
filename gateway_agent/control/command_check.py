# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What somebody asks of a node, checked against its profile and its keys before it is sent. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from device_profiles import Profile, SettingError
from gateway_agent.errors import PeerError
from gateway_agent.wire import cbor
from gateway_agent.wire.down import CODE_CONFIGURE, CODE_GENERATION, CODES, Argument
from gateway_agent.wire.limits import UINT32_MAX, is_uint

ARGUMENT_BYTES_MAX = 800  # a down frame has 1,280, and the acknowledgement needs some


class CommandError(PeerError):
    """A command that cannot be sent; `detail` says why, in words for people."""

    def __init__(self, detail: str) -> None:
        super().__init__("CommandRefused", detail)


def check_command(
    word: object,
    settings: object,
    generation: object,
    profile: Profile | None,
    generations: Collection[int],
) -> tuple[int, Argument]:
    """Code and argument of a command.

    Args:
        word: `identify`, `reboot`, `sample`, `rezero`, `configure` or `generation`.
        settings: name to value; for `configure` only.
        generation: for `generation` only.
        profile: the node's; None where the gateway does not know node or profile.
        generations: the key generations of the node that the registry holds.

    Raises:
        CommandError
    """
    code = CODES.get(word) if isinstance(word, str) else None
    if code is None:
        raise CommandError(f"there is no command {word!r}; there are: {', '.join(CODES)}")
    if not generations or profile is None:
        raise CommandError("this gateway does not know the node, or not its profile")
    if settings is not None and code != CODE_CONFIGURE:
        raise CommandError(f"{word} takes no settings")
    if generation is not None and code != CODE_GENERATION:
        raise CommandError(f"{word} takes no generation")
    if code == CODE_CONFIGURE:
        return code, _encoded(settings, profile)
    if code == CODE_GENERATION:
        return code, _generation(generation, generations)
    return code, None


def _encoded(settings: object, profile: Profile) -> bytes:
    if not isinstance(settings, Mapping) or not settings:
        raise CommandError("configure needs at least one setting")
    checked: dict[int | str, object] = {}
    for name, value in settings.items():
        if name not in profile.settings:
            raise CommandError(f"profile {profile.id} has no setting {name!r}")
        try:
            checked[str(name)] = profile.settings[name].check(value)
        except SettingError as error:
            raise CommandError(str(error)) from error
    argument = cbor.encode(checked)
    if len(argument) > ARGUMENT_BYTES_MAX:
        raise CommandError(f"{len(argument)} bytes of settings, at most {ARGUMENT_BYTES_MAX}: send them in parts")
    return argument


def _generation(generation: object, generations: Collection[int]) -> int:
    if type(generation) is not int or not is_uint(generation, UINT32_MAX) or generation > 0x7FFFFFFF:
        raise CommandError("generation needs a number from 0 on")
    if generation not in generations:
        raise CommandError(
            f"the registry has no key of generation {generation} for the node: import it first "
            f"(`startcity vault commission --generation {generation} --out FILE`, then `startcity node import FILE`)"
        )
    return generation
