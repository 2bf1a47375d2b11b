# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Help pages in the reader's language.

The English text stands in the code, where it is read together with what it describes; `words.py` has the Italian one.
A help page is translated while it is printed, because only then is `--lang` known.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeVar

import rich_click as click

from startcity.words import LANGUAGES, META_KEY, say

_F = TypeVar("_F", bound=Callable[..., Any])
_EXAMPLES = "\n\n\b\nExamples:"


def lang_option(function: _F) -> _F:
    """`--lang it|en`, on every command that speaks both."""
    return click.option(
        "--lang",
        type=click.Choice(LANGUAGES),
        is_eager=True,
        expose_value=False,
        callback=_choose,
        help="Language of the texts. Default: STARTCITY_LANG, else the system's.",
    )(function)


class TranslatedCommand(click.RichCommand):
    """A command whose help page speaks the reader's language, and every option that has something to say, wherever `--lang` stands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for word, after in pairwise([*args, ""]):
            chosen = after if word == "--lang" else word.removeprefix("--lang=")
            if word.startswith("--lang") and chosen in LANGUAGES:
                ctx.meta[META_KEY] = chosen
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.RichContext, formatter: Any) -> None:  # type: ignore[override]
        with _in_the_readers_language(self):
            super().format_help(ctx, formatter)


class TranslatedGroup(click.RichGroup):
    """A group whose help page, and list of commands, speaks the reader's language."""

    command_class = TranslatedCommand

    def format_help(self, ctx: click.RichContext, formatter: Any) -> None:  # type: ignore[override]
        with _in_the_readers_language(self, *self.commands.values()):
            super().format_help(ctx, formatter)


@contextmanager
def _in_the_readers_language(*commands: click.Command) -> Iterator[None]:
    originals: list[tuple[Any, str]] = []
    for command in commands:
        originals.append((command, command.help or ""))
        command.help = _say_help(command.help or "")
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.help:
                originals.append((parameter, parameter.help))
                parameter.help = say(parameter.help)
    try:
        yield
    finally:
        for thing, text in originals:
            thing.help = text


def help_parts(text: str) -> tuple[str, str]:
    """A help text as (prose with one line a paragraph, the examples)."""
    prose, _, examples = inspect.cleandoc(text).partition(_EXAMPLES)
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in prose.split("\n\n")), examples


def _say_help(text: str) -> str:
    """The prose in the reader's language, the examples as they are."""
    prose, examples = help_parts(text)
    return say(prose) + (f"\n\n\b\n{say('Examples:')}{examples}" if examples else "")


def _choose(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[META_KEY] = value
