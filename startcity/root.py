# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The root of the command line: which words there are, where each lives, and what an error costs.

A sub-command's module is imported when it is called, so `startcity --help` needs none of them, and a part that an
installation leaves out (the collector on a gateway) is missed only by who asks for it.
"""

from __future__ import annotations

import importlib
from typing import NamedTuple

import rich_click as click
from click.exceptions import Exit, NoSuchCommand

from startcity.translated import TranslatedGroup, lang_option
from startcity.words import say

NEEDS_A_PERSON, UNAVAILABLE = 2, 3


class Word(NamedTuple):
    """A sub-command before it is imported."""

    module: str
    short_help: str


WORDS: dict[str, Word] = {
    "gateway": Word("startcity.cli_gateway", "Make, run and look at a gateway."),
    "journal": Word("startcity.cli_journal", "Look into a gateway's journal, and mend it."),
    "node": Word("startcity.cli_node", "Prepare nodes, and list the nodes that a gateway knows."),
    "vault": Word("startcity.cli_vault", "Keep the nodes' masters, and hand roots to gateways."),
    "flash": Word("startcity.cli_flash", "Make boards nodes of the city, at the bench."),
    "operator": Word("startcity.cli_operator", "Make the key of a person who may command gateways."),
    "provision": Word("startcity.cli_provision", "Put a node into service, up to its first verified reading."),
    "profile": Word("startcity.cli_profile", "Check and read device profiles."),
    "collector": Word("startcity.cli_collector", "Receive, verify and keep what the gateways send."),
    "verify": Word("startcity.cli_verify", "Check a journal or an archive offline, with public keys only."),
    "sim": Word("startcity.cli_sim", "Run a city on simulators."),
}


_EXTRAS = {"flash": "tools", "provision": "tools"}  # of pyproject.toml, where the extra has another name than the word


class LazyGroup(TranslatedGroup):
    """A group that knows its sub-commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(WORDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """What the help page shows; not to be run."""
        word = WORDS.get(cmd_name)
        return None if word is None else click.RichCommand(name=cmd_name, help=say(word.short_help))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            raise NoSuchCommand(error.command_name, possibilities=WORDS, ctx=ctx) from None
        return name, _import_command(name) if name and command else None, rest

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Exception as error:
            exit_code = _exit_code_of(error)
            if exit_code is None:
                raise
            template = getattr(error, "template", None)
            said = str(error) if template is None else say(template, **getattr(error, "values", {}))
            click.echo(f"startcity: {said}", err=True)
            raise Exit(exit_code) from error


@click.group("startcity", cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="startcity", prog_name="startcity")
@lang_option
def root() -> None:
    """The field side of a smart city: nodes, gateways and the tools around them.

    Exit codes: 0 done; 1 something that was checked is not right; 2 a person has to change a setting or the
    command line; 3 something that is needed is not there now, try again.

    \b
    Examples:
      startcity sim demo
      startcity gateway init --id piacenza-01
      startcity node add aabbccddee01 --profile parking-qmc5883l --help
    """


def _import_command(name: str) -> click.Command:
    module_name = WORDS[name].module
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        raise click.UsageError(
            f"`startcity {name}` is not part of this installation ({missing} is missing): "
            f"in the folder of startcity's sources, run `pip install '.[{_EXTRAS.get(name, name)}]'`"
        ) from error
    for attribute in (name, "group"):
        command = getattr(module, attribute, None)
        if isinstance(command, click.Command):
            return command
    raise AssertionError(f"{module_name} has no command of its name and no group")


def _exit_code_of(error: Exception) -> int | None:
    """None for a programming error: that one keeps its traceback. Imported here because `--help` needs none of it."""
    from device_profiles.errors import ProfileError, SettingError  # noqa: PLC0415
    from gateway_agent.errors import ConfigError, Unavailable  # noqa: PLC0415

    if isinstance(error, ConfigError | ProfileError | SettingError):
        return int(getattr(error, "exit_code", NEEDS_A_PERSON))
    return UNAVAILABLE if isinstance(error, Unavailable) else None
