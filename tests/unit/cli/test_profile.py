# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity profile` checks and shows profiles."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.command_line import refuse, startcity, succeed
from tests.support.profile_folder import PROFILE, line_of, write_profile


def test_a_check_of_good_profiles_is_one_json_object(tmp_path: Path) -> None:
    """profiles and captures are counts, errors and warnings are empty, the exit code 0."""
    write_profile(tmp_path, PROFILE.replace('app = "tank"', 'app = "water"'))
    assert json.loads(succeed("profile", "check", "--all", "--json", "--folder", tmp_path)) == {
        "profiles": 1,
        "captures": 2,
        "errors": [],
        "warnings": [],
    }
    assert "Profiles read: 1; captures: 2; mistakes: 0" in succeed("profile", "check", "tank-l1", "--folder", tmp_path)


def test_an_application_that_nobody_has_written_is_told_and_no_mistake(tmp_path: Path) -> None:
    """Not only when a board is to be flashed; the shipped profiles have theirs."""
    path = write_profile(tmp_path)
    said = succeed("profile", "check", "--folder", tmp_path)
    assert f"{path}: firmware.app: there is no firmware/apps/tank.py yet" in said
    (warning,) = json.loads(succeed("profile", "check", "--json", "--folder", tmp_path))["warnings"]
    assert (warning["file"], warning["key"]) == (str(path), "firmware.app")
    assert json.loads(succeed("profile", "check", "--json"))["warnings"] == []


def test_a_mistake_is_shown_with_file_line_and_key(tmp_path: Path) -> None:
    """Exit code 1; the text has what an editor can jump to, the JSON the same in fields."""
    text = PROFILE.replace('unit = "m"\nexponent = -2', 'unit = "cm"\nexponent = -2')
    path = write_profile(tmp_path, text)
    line = line_of(text, '"cm"')
    assert f"{path}:{line}: measurement[0].unit: " in refuse("profile", "check", "--folder", tmp_path, code=1)
    (error,) = json.loads(startcity("profile", "check", "--json", "--folder", tmp_path).output)["errors"]
    assert (error["file"], error["line"], error["key"]) == (str(path), line, "measurement[0].unit")
    assert 'unit = "m"' in error["text"]


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
    assert "Impostazioni" in shown


SHOWN_IT = """\
tank-l1 3: Serbatoio
Due righe,
[[measurement]] non è una tabella qui.
Acme L1 (L1 datasheet C, 4.2)
Famiglia water, applicazione tank, scheda esp32_generic.

Misure
  level  Livello
      number m, passi di 0.01 m, da -0.15 a 12.0 m, incertezza 0.03 m (k = 2), corsia trend, sigillata entro 300 s
  wave  Onda
      waveform m, passi di 0.001 m, 80 campioni al secondo, da -1.0 a 1.0 m, corsia trend, sigillata entro 600 s
  open  Aperto
      boolean, corsia record, sigillata entro 5 s

Impostazioni
  interval_s = 60 s (1..3600)  Intervallo
  gain = 1.5  Guadagno
  inverted = false  Invertito

Allarmi
  level > 11.5 m, critico  Trabocca
  open = true, avviso  Aperto

Alimentazione
  batteria: Li-SOCl2 D, 3.6 V, 19000 mAh a 3.6 V, 85 % utilizzabile, autoscarica 1 % all'anno, 25 uA in riposo

Taratura
  type, 2026-03-01, vale 24 mesi  Contro un'asta graduata

Collaudo
  1. fills: Versare dieci litri.
      level > 0.5 m e level < 11.0 m e level cambia, entro 120 s
  2. lid-open: Aprire il coperchio.
      open = true, entro 60 s

Catture: 1 buone, 1 errate.
"""


def test_a_profile_is_shown_whole(tmp_path: Path) -> None:
    """Everything that an installer asks for stands on the page: limits, alarms, cell, calibration, checks."""
    write_profile(tmp_path)
    assert succeed("profile", "show", "tank-l1", "--lang", "it", "--folder", tmp_path) == SHOWN_IT
    english = succeed("profile", "show", "tank-l1", "--lang", "en", "--folder", tmp_path)
    assert "level > 0.5 m and level < 11.0 m and level changes, within 120 s" in english


def test_a_profile_is_one_json_object(tmp_path: Path) -> None:
    """A program gets bounds in the unit, and the texts in both languages."""
    write_profile(tmp_path)
    shown = json.loads(succeed("profile", "show", "tank-l1", "--json", "--folder", tmp_path))
    level = next(row for row in shown["measurements"] if row["name"] == "level")
    assert (level["min"], level["uncertainty"], level["alarm_when"]["above"]) == (-0.15, 0.03, 11.5)
    assert level["alarm_when"]["severity"] == "critical"
    assert shown["calibration"]["date"] == "2026-03-01"
    assert [(check["id"], check["above"], check["equals"]) for check in shown["commissioning"]] == [
        ("fills", 0.5, None),
        ("lid-open", None, True),
    ]
    assert shown["power"]["capacity_mah"] == 19000
    assert shown["captures"] == {"good": 1, "bad": 1}


def test_a_profile_with_a_mistake_is_not_shown_and_the_others_are(tmp_path: Path) -> None:
    """`show` stops at the mistake of the profile that was asked for, and at no other."""
    write_profile(tmp_path)
    write_profile(tmp_path, PROFILE.replace("tank-l1", "tank-l2").replace("version = 3", "version = 0"), name="tank-l2")
    succeed("profile", "show", "tank-l1", "--folder", tmp_path)
    assert "device.version" in refuse("profile", "show", "tank-l2", "--folder", tmp_path)


def test_a_list_can_be_of_one_family(tmp_path: Path) -> None:
    """A filter that fits nothing names the families that there are."""
    write_profile(tmp_path)
    write_profile(tmp_path, PROFILE.replace("tank-l1", "well-l1").replace('"water"', '"well"'), name="well-l1")
    rows = json.loads(succeed("profile", "list", "--family", "well", "--json", "--folder", tmp_path))
    assert [row["id"] for row in rows] == ["well-l1"]
    assert "Known: water, well" in refuse("profile", "list", "--family", "dae", "--folder", tmp_path, code=1)


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
