# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity profile` checks and shows profiles."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.command_line import refuse, startcity, succeed
from tests.support.profile_folder import PROFILE, line_of, write_profile


def test_a_check_of_good_profiles_is_one_json_object(tmp_path: Path) -> None:
    """profiles and captures are counts, errors is empty, the exit code 0."""
    write_profile(tmp_path)
    assert json.loads(succeed("profile", "check", "--all", "--json", "--folder", tmp_path)) == {
        "profiles": 1,
        "captures": 2,
        "errors": [],
    }
    assert "Profiles read: 1; captures: 2; mistakes: 0" in succeed("profile", "check", "tank-l1", "--folder", tmp_path)


def test_a_mistake_is_shown_with_file_line_and_key(tmp_path: Path) -> None:
    """Exit code 1; the text has what an editor can jump to, the JSON the same in fields."""
    text = PROFILE.replace('unit = "m"\nexponent = -2', 'unit = "cm"\nexponent = -2')
    path = write_profile(tmp_path, text)
    line = line_of(text, '"cm"')
    assert f"{path}:{line}: measurement[0].unit: " in refuse("profile", "check", "--folder", tmp_path, code=1)
    (error,) = json.loads(startcity("profile", "check", "--json", "--folder", tmp_path).output)["errors"]
    assert (error["file"], error["line"], error["key"]) == (str(path), line, "measurement[0].unit")
    assert 'unit = "m"' in error["advice"]


def test_the_mistakes_of_one_profile_are_not_those_of_another(tmp_path: Path) -> None:
    """`check ID` speaks of that profile alone."""
    write_profile(tmp_path)
    write_profile(tmp_path, PROFILE.replace("tank-l1", "tank-l2").replace("version = 3", "version = 0"), name="tank-l2")
    succeed("profile", "check", "tank-l1", "--folder", tmp_path)
    assert "device.version" in refuse("profile", "check", "tank-l2", "--folder", tmp_path, code=1)


def test_list_and_show_speak_both_languages(tmp_path: Path) -> None:
    """Names and labels are those of the language that was asked for."""
    write_profile(tmp_path)
    assert "Serbatoio" in succeed("profile", "list", "--lang", "it", "--folder", tmp_path)
    assert "Tank" in succeed("profile", "list", "--folder", tmp_path)
    shown = succeed("profile", "show", "tank-l1", "--folder", tmp_path, env={"STARTCITY_LANG": "it"})
    assert "level (number -0.15..12.0 m, trend, 300 s)  Livello" in shown
    assert "Impostazioni" in shown


def test_an_unknown_profile_is_named_with_the_known_ones(tmp_path: Path) -> None:
    """The refusal lists what there is."""
    write_profile(tmp_path)
    for command in ("show", "check"):
        output = refuse("profile", command, "tank", "--folder", tmp_path)
        assert "Known: tank-l1" in " ".join(output.replace("│", " ").split())


def test_a_folder_without_profiles_says_so(tmp_path: Path) -> None:
    """An empty list is never silent; the JSON is an empty list all the same. Exit code 1."""
    assert f"{tmp_path} has no profiles" in refuse("profile", "list", "--folder", tmp_path, code=1)
    result = startcity("profile", "list", "--json", "--folder", tmp_path)
    assert (result.exit_code, json.loads(result.stdout)) == (1, [])
