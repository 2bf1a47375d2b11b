# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The root: quick, lazy, clear about errors."""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from startcity import root as root_module
from startcity.root import WORDS, Word
from tests.support.command_line import refuse, startcity, succeed

PROJECT = Path(__file__).parents[3] / "pyproject.toml"
# Ours that --help must not need, and the large ones of others.
SLOW = (
    "gateway_agent",
    "device_profiles",
    "collector",
    "simulators",
    "tools",
    "cryptography",
    "msgspec",
    "gmqtt",
    "asyncio",
)


def test_help_imports_no_part_of_the_program() -> None:
    """`startcity --help` loads the command line alone, which is what keeps it quick."""
    code = (
        "import sys, json\nsys.argv = ['startcity', '--help']\nfrom startcity.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print(json.dumps([end.code, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, modules = json.loads(done.stdout.splitlines()[-1])
    assert exit_code == 0
    assert [name for name in SLOW if name in modules] == []


def test_help_takes_less_than_0_3_s_of_processor_time() -> None:
    """Processor time, the best of three: a busy machine does not make the program slower."""

    def cost_s() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "startcity", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cost_s() for _ in range(3)) < 0.3


def test_help_lists_every_word_and_the_exit_codes() -> None:
    """The page is complete, in both languages."""
    english, italian = (" ".join(succeed("--lang", code, "--help").split()) for code in ("en", "it"))
    assert [word for word in WORDS if word not in english] == []
    assert "Exit codes: 0 done; 1 " in english
    assert "Codici d'uscita: 0 fatto; 1 " in italian


@pytest.mark.parametrize("word", WORDS)
def test_every_word_has_a_help_page_with_examples_below_it(word: str) -> None:
    """Each sub-command exists and its help ends with code 0; each command under it shows an example."""
    module = importlib.import_module(WORDS[word].module)
    top = getattr(module, word, None) or module.group
    succeed(word, "--help")
    leaves = getattr(top, "commands", {word: top})
    without = [name for name, command in leaves.items() if "\b\n" not in (command.help or "")]
    assert without == []


@pytest.mark.parametrize(
    ("word", "extra"), [("sim", "sim"), ("flash", "tools"), ("provision", "tools"), ("collector", "collector")]
)
def test_a_part_that_is_not_installed_is_missed_only_when_it_is_called(
    word: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal says how to get it, by an extra that there is."""
    monkeypatch.setitem(root_module.WORDS, word, Word("startcity.cli_absent", "Absent."))
    succeed("--help")
    said = " ".join(refuse(word).replace("│", " ").split())
    assert "is not part of this installation" in said and f"pip install '.[{extra}]'" in said
    assert extra in tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def test_an_unknown_word_is_refused() -> None:
    """Exit code 2, as for every mistake on the command line; a near one is named."""
    assert "No such command" in refuse("zzz")
    assert "Did you mean 'sim'?" in refuse("simm")


def test_what_is_not_there_is_said_in_one_line() -> None:
    """A path and a profile that do not exist are answered alike."""
    assert refuse("verify", "nope", "--key", "nope.pem") == "startcity: nope does not exist\n"
    for words in (("show", "typo"), ("check", "typo")):
        said = refuse("profile", *words)
        assert said.startswith("startcity: There is no profile typo. Known: ") and said.count("\n") == 1


def test_an_error_of_ours_has_no_traceback_and_a_programming_error_keeps_it(tmp_path: Path) -> None:
    """Plain words on stderr, nothing on stdout."""
    words = [sys.executable, "-m", "startcity", "node", "list", "--config", str(tmp_path / "none.toml")]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "STARTCITY_LANG": "en"}
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("startcity: ")
    assert "Traceback" not in done.stderr
    assert startcity("--version").output.startswith("startcity, version ")
