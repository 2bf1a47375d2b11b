# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The installers' texts exist in Italian and in English."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
import rich_click as click

import startcity
from startcity import cli_flash, cli_gateway, cli_journal, cli_node, cli_operator, cli_profile, cli_provision, cli_vault
from startcity.root import WORDS, root
from startcity.translated import help_parts
from startcity.words import ITALIAN, language, say
from tests.support.command_line import refuse, succeed
from tools.flash.flash_fault import KINDS

SPOKEN_BY = (
    "cli_flash.py",
    "cli_flash_bundle.py",
    "cli_flash_tools.py",
    "flash_page.py",
    "cli_journal.py",
    "cli_node.py",
    "cli_operator.py",
    "cli_profile.py",
    "cli_provision.py",
    "cli_vault.py",
    "defaults_file.py",
    "figures.py",
    "journal_page.py",
    "known_profile.py",
    "node_command.py",
    "node_import.py",
    "node_move.py",
    "profile_page.py",
    "provision_begin.py",
    "provision_cable.py",
    "provision_gateway.py",
    "provision_run.py",
    "provision_sources.py",
    "provision_voice.py",
    "secrets_in.py",
    "silent_node.py",
    "status_page.py",
    "translated.py",
)
# These keep text and values apart, and the root says them.
SPOKEN_BY_THE_ROOT = (
    "tools/flash/application.py",
    "tools/flash/backup.py",
    "tools/flash/download.py",
    "tools/node_files.py",
    "tools/node_id.py",
    "tools/vault.py",
    "device_profiles/profile.py",
    "tools/commissioning_file.py",
    "tools/commissioning_key.py",
    "tools/masters_file.py",
    "tools/provision/state_file.py",
    "tools/vault_keys.py",
)


def helps_of(command: click.Command) -> Iterator[str]:
    yield help_parts(command.help or "")[0]
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.help:
            yield parameter.help
    for child in getattr(command, "commands", {}).values():
        yield from helps_of(child)


def said_in(path: Path) -> Iterator[str]:
    """Every text that stands in a `say(...)`, or in a variable named `text` that goes into one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "") in ("say", "Advice", "SettingError")
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)
        if (
            isinstance(node, ast.Assign)
            and getattr(node.targets[0], "id", "") == "template"
            and isinstance(node.value, ast.Constant)
        ):
            yield str(node.value.value)
        if (
            isinstance(node, ast.Assign)
            and getattr(node.targets[0], "id", "") == "text"
            and isinstance(node.value, ast.IfExp)
        ):
            for branch in (node.value.body, node.value.orelse):
                assert isinstance(branch, ast.Constant)
                yield str(branch.value)


def english_texts() -> set[str]:
    here = Path(startcity.__file__).parent
    groups = (cli_node.group, cli_operator.group, cli_profile.group, cli_vault.group, cli_journal.group)
    commands = (root, *groups, cli_flash.group, cli_provision.provision, cli_gateway.status)
    texts = {text for command in commands for text in helps_of(command)}
    texts |= {word.short_help for word in WORDS.values()}
    files = [here / name for name in SPOKEN_BY] + [here.parent / name for name in SPOKEN_BY_THE_ROOT]
    return texts | flash_texts() | {text for file in files for text in said_in(file)}


def flash_texts() -> set[str]:
    """What `startcity flash` says of faults, and its doctor of the machine: templates that are passed as values."""
    doctor = Path(startcity.__file__).parent.parent / "tools" / "flash" / "doctor.py"
    texts = {text for kind in KINDS.values() for text in (kind.what, kind.todo)}
    for node in ast.walk(ast.parse(doctor.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
            texts |= {str(part.value) for part in node.args[2:4] if isinstance(part, ast.Constant) and part.value}
    return texts


def placeholders(text: str) -> set[str | None]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


def test_every_text_has_its_italian_and_no_italian_is_left_over() -> None:
    """The catalogue fits the code exactly."""
    texts = english_texts()
    assert sorted(texts - set(ITALIAN)) == []
    assert sorted(set(ITALIAN) - texts) == []


def test_both_languages_have_the_same_placeholders() -> None:
    """No value is lost in translation, and none is asked for that is not given."""
    assert {english for english, italian in ITALIAN.items() if placeholders(english) != placeholders(italian)} == set()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"STARTCITY_LANG": "it", "LANG": "en_GB.UTF-8"}, "it"),
        ({"LC_ALL": "it_IT.UTF-8", "LANG": "en_GB.UTF-8"}, "it"),
        ({"LANG": "it_IT.UTF-8"}, "it"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"STARTCITY_LANG": "", "LANG": "it"}, "it"),
        ({}, "en"),
    ],
)
def test_the_language_is_the_first_that_is_set(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    """STARTCITY_LANG, then POSIX's own order, then English."""
    for name in ("STARTCITY_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language() == expected
    assert say("Nodes: {count}.", count=2) == {"it": "Nodi: 2.", "en": "Nodes: 2."}[expected]


def test_the_option_beats_the_environment_at_every_place(tmp_path: Path) -> None:
    """`--lang` counts at the root, at the group and at the command, for messages and for help pages."""
    for number, words in enumerate(
        (("--lang", "it", "vault", "init"), ("vault", "--lang", "it", "init"), ("vault", "init", "--lang", "it"))
    ):
        assert "è un nuovo caveau" in succeed(*words, tmp_path / str(number))
    page = succeed("node", "--lang", "it", "add", "--help")
    assert "Fa di una scheda un nodo" in page
    assert "Esempi:" in page
    assert "Make a board a node" in succeed("node", "add", "--help")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("aabb", "--vault", "none"), "MAC di base della scheda"),
        (("01005e000001", "--vault", "none"), "indirizzo di gruppo"),
        (("aabbccddee01", "--vault", "none"), "non è un caveau"),
        (("aabbccddee01", "--vault", "none", "--set", "heartbeat_s=1"), "scrivere 10 s o più"),
        (("aabbccddee01", "--vault", "none", "--set", "heartbeat_s=soon"), "scrivere un numero intero"),
        (("aabbccddee01", "--vault", "none", "--wifi-ssid", "x" * 33), "da 1 a 32 byte"),
    ],
)
def test_a_refusal_out_of_the_tools_speaks_italian(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    """What an installer can get wrong is said in the installer's language, with the values in it."""
    fixed = ("--profile", "parking-qmc5883l", "--out", tmp_path / "n", "--mqtt-host", "gw.example.org")
    wifi = ("--wifi-ssid", "s", "--open-network")
    assert says in refuse("node", "add", *fixed, *wifi, *words, "--lang", "it")
