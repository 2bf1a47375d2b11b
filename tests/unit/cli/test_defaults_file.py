# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Options from startcity.toml."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from tests.support.command_line import refuse, startcity, succeed


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_in_this_folder_is_used_and_said(here: Path) -> None:
    """And the command line comes before it; a port without an address becomes whole, because tools run elsewhere."""
    (here / "startcity.toml").write_text('[flash]\nport = ["none"]\nprofile = "no-such-profile"\nwifi-ssid = "citta"\n')
    said = refuse("flash")
    assert f"From {here}/startcity.toml, where not given here: --port, --profile, --wifi-ssid." in said
    assert "There is no profile no-such-profile" in said
    said = refuse("flash", "--profile", "another")
    assert "There is no profile another" in said
    words = ("flash", "--profile", "climate-sht4x", "--dry-run", "--micropython", here / "none.bin", "--json")
    assert "none.bin" in startcity(*words).output


def test_a_city_that_does_not_run_is_said(here: Path) -> None:
    """The one that has written the file: its lock tells; while it runs, and where no city is named, nothing is said."""
    text = '[flash]\nprofile = "no-such-profile"\n'
    (here / "startcity.toml").write_text(text)
    assert "sim city" not in refuse("flash")
    (here / "startcity.toml").write_text(text + '[city]\nfolder = "town"\n')
    assert "start it with `startcity sim city --dir town`" in refuse("flash")
    (here / "town").mkdir()
    with (here / "town" / "lock").open("w") as lock:
        lock.write("1")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "sim city" not in refuse("flash")
    assert "avviarla con `startcity sim city --dir town`" in refuse("flash", "--lang", "it")


def test_paths_are_relative_to_the_file(here: Path, gateway: Path) -> None:
    """Also where it lies in another folder, and is named."""
    folder = gateway.parent
    (folder / "options.toml").write_text(f'[provision]\nconfig = "{gateway.name}"\nlabel-file = "no-label.txt"\n')
    said = refuse("provision", "--defaults", folder / "options.toml")
    assert f"{folder / 'no-label.txt'} does not exist" in said and "by `startcity flash`" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[provision]\ncolour = "red"\n', "has no option colour"),
        ('[provision]\nwifi-password = "secret"\n', "has no option wifi-password"),
        ("[provision", "cannot be read"),
        ("#" * 70_000, "more than 65536 bytes"),
    ],
)
def test_what_is_wrong_in_it_is_named(text: str, says: str, here: Path) -> None:
    """An unknown option is not silently nothing; a password is no option."""
    (here / "startcity.toml").write_text(text)
    assert says in refuse("provision")


def test_other_sections_and_no_file_change_nothing(here: Path, gateway: Path) -> None:
    """A section of another command is left alone."""
    words = ("provision", "--config", gateway, "--json")
    before = startcity(*words).output
    (here / "startcity.toml").write_text('[flash]\nprofile = "x"\n')
    assert startcity(*words).output == before and json.loads(before.splitlines()[-1])["exit_code"] == 2
    assert "--defaults" in succeed("provision", "--help")


def test_a_file_of_defaults_speaks_the_language_that_is_named_behind_it(here: Path, gateway: Path) -> None:
    """`--lang` counts wherever it stands, in both forms."""
    (here / "other.toml").write_text(f'[provision]\nconfig = "{gateway}"\n')
    for lang in (("--lang", "it"), ("--lang=it",)):
        assert "se non date qui: --config." in refuse("provision", "--defaults", "other.toml", *lang)
        assert "se non date qui: --config." in refuse("provision", *lang, "--defaults", "other.toml")
    assert "where not given here: --config." in refuse("provision", "--defaults", "other.toml")
