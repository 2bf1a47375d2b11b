# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A mistake in a profile is shown with file, line and key, and with what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_profiles import ProfileError, find_mistakes, load_profiles
from device_profiles.units import PRIMARY, unit_advice
from tests.support.profile_folder import CAPTURES, PROFILE, line_of, write_profile

# (what is replaced, by what, the line that must be named holds this, key, part of the advice)
MISTAKES = {
    "a typo in a key": (
        'unit = "m"\nexponent = -2',
        'untit = "m"\nexponent = -2',
        "untit",
        "measurement[0].untit",
        'did you mean "unit"?',
    ),
    "a secondary unit": (
        'unit = "m"\nexponent = -2',
        'unit = "kWh"\nexponent = -2',
        '"kWh"',
        "measurement[0].unit",
        'unit = "J" (1 kWh is 3,600,000 J)',
    ),
    "a missing key": ("version = 3\n", "", "[device]", "device.version", "is missing: write version = 1"),
    "a missing table": (
        '[firmware]\napp = "tank"\nboard = "esp32_generic"\n',
        "",
        "[firmware.settings.interval_s]",
        "firmware.app",
        'is missing: write app = "parking"',
    ),
    "a missing table below one that is only named by the other": (
        '[text.en]\nname = "Tank"\ndescription = "A tank"\n',
        "",
        "[text.it]",
        "text.en",
        "write a table [text.en] with name and description",
    ),
    "a battery without its cell": (
        'cell = "Li-SOCl2 D, 3.6 V"\n',
        "",
        "[power]",
        "power.cell",
        'energy account needs it, write cell = "Li-SOCl2 D, 3.6 V"',
    ),
    "a cell without a battery": (
        'source = "battery"',
        'source = "solar"',
        'cell = "',
        "power.cell",
        "belongs to a battery: leave it out (solar may say capacity_mah",
    ),
    "a capacity of nothing": ("capacity_mah = 19000", "capacity_mah = 0", "= 0\n", "power.capacity_mah", "more than 0"),
    "a share above the whole": (
        "usable_pct = 85",
        "usable_pct = 850",
        "850",
        "power.usable_pct",
        "write at most 100, such as usable_pct = 85",
    ),
    "an uncertainty of nothing": (
        "uncertainty = 0.03",
        "uncertainty = 0.0",
        "uncertainty",
        "measurement[0].uncertainty",
        "write more than 0, in the unit (expanded, k = 2)",
    ),
    "an uncertainty of a boolean": (
        'kind = "boolean"',
        'kind = "boolean"\nuncertainty = 1',
        "uncertainty = 1\n",
        "measurement[2].uncertainty",
        "a boolean has none: leave it out",
    ),
    "a calibration without its day": (
        "date = 2026-03-01\n",
        "",
        "[calibration]",
        "calibration.date",
        "write when the model was calibrated, such as date = 2026-03-01",
    ),
    "a day that each device has of its own": (
        'kind = "type"',
        'kind = "individual"',
        "date = ",
        "calibration.date",
        "given when its node is added: leave it out",
    ),
    "a day of another kind of calibration": (
        'kind = "type"',
        'kind = "factory"',
        "date = ",
        "calibration.date",
        'belongs to kind = "type" alone',
    ),
    "a day that is no date": (
        "date = 2026-03-01",
        "date = 2026-03-01T00:00:00Z",
        "date = ",
        "calibration.date",
        "write for example date = 2026-03-01",
    ),
    "a check of nothing": (
        "equals = true\n",
        "",
        '[[commissioning]]\nid = "lid-open"',
        "commissioning[1]",
        "at least one of above, below, equals and changes",
    ),
    "a check of a measurement that is not there": (
        'measurement = "open"',
        'measurement = "lid"',
        '"lid"',
        "commissioning[1].measurement",
        'the profile has no measurement "lid"; write one of: anchor, batt, boot',
    ),
    "a check that stands twice": (
        'id = "lid-open"',
        'id = "fills"',
        'id = "fills"\nmeasurement = "open"',
        "commissioning[1].id",
        "stands twice",
    ),
    "a check finer than the resolution": (
        "above = 0.5\n",
        "above = 0.555\n",
        "0.555",
        "commissioning[0].above",
        "is not a whole number of steps of 1e-2",
    ),
    "a check that nothing plausible passes": (
        "above = 0.5\nbelow = 11.0\n",
        "above = 12.0\n",
        "above = 12.0",
        "commissioning[0].above",
        "is never passed by a plausible value: write less than max = 12.0",
    ),
    "a check with an empty middle": (
        "above = 0.5\n",
        "above = 11.5\n",
        "above = 11.5",
        "commissioning[0].above",
        "must be less than below = 11.0",
    ),
    "a check of another type": (
        "equals = true\n",
        "equals = 1\n",
        "equals = 1\n",
        "commissioning[1].equals",
        "can never be the value of a boolean",
    ),
    "a check with two answers": (
        "above = 0.5\nbelow = 11.0\n",
        "above = 0.5\nequals = 0.6\n",
        "equals = 0.6",
        "commissioning[0].equals",
        "leave out above and below, or leave out equals",
    ),
    "a change that must not be": (
        "changes = true",
        "changes = false",
        "changes",
        "commissioning[0].changes",
        "leave it out",
    ),
    "a grave word out of the list": (
        'severity = "critical"',
        'severity = "grave"',
        '"grave"',
        "measurement[0].alarm_when.severity",
        'write for example severity = "warning" (or critical)',
    ),
    "an alarm text in one language": (
        ', text_it = "Trabocca"',
        "",
        "It overflows",
        "measurement[0].alarm_when.text_it",
        "write both text_it and text_en, or neither",
    ),
    "a typo in a check": (
        "within_s = 60\n",
        "withins = 60\n",
        "withins",
        "commissioning[1].withins",
        'did you mean "within_s"?',
    ),
    "a default that is no number": (
        "default = 1.5",
        "default = nan",
        "nan",
        "firmware.settings.gain.default",
        "finite",
    ),
    "a wrong type": (
        "exponent = -2",
        'exponent = "two"',
        '"two"',
        "measurement[0].exponent",
        "Expected int, got str; write for example exponent = -2",
    ),
    "a word out of the list": (
        'lane = "record"',
        'lane = "urgent"',
        '"urgent"',
        "measurement[2].lane",
        'write for example lane = "trend"',
    ),
    "a bound finer than the resolution": (
        "min = -0.15",
        "min = -0.155",
        "-0.155",
        "measurement[0].min",
        "is not a whole number of steps of 1e-2",
    ),
    "bounds the wrong way round": (
        "min = -0.15",
        "min = 20",
        "min = 20",
        "measurement[0].min",
        "must be less than max = 12.0",
    ),
    "a bound of a boolean": (
        'kind = "boolean"',
        'kind = "boolean"\nmax = 1',
        "max = 1\n",
        "measurement[2].max",
        "a boolean has no bounds",
    ),
    "an infinite bound": ("max = 12.0", "max = inf", "max = inf", "measurement[0].max", "write a finite number"),
    "a waveform without a rate": (
        "rate_hz = 80\n",
        "",
        '[[measurement]]\nname = "wave"',
        "measurement[1].rate_hz",
        "such as rate_hz = 80",
    ),
    "a rate without a waveform": (
        'name = "level"',
        'name = "level"\nrate_hz = 80',
        "rate_hz = 80",
        "measurement[0].rate_hz",
        "only a waveform has one",
    ),
    "a name twice": (
        'name = "open"',
        'name = "level"',
        'name = "level"\nkind = "boolean"',
        "measurement[2].name",
        "stands twice",
    ),
    "a name that every node uses": (
        'name = "open"',
        'name = "batt"',
        '"batt"',
        "measurement[2].name",
        "choose another name",
    ),
    "a name that cannot travel": (
        'name = "open"',
        'name = "Open!"',
        "Open!",
        "measurement[2].name",
        'write for example name = "water_level"',
    ),
    "an alarm rule that is empty": (
        "{ equals = true }",
        "{ }",
        "{ }",
        "measurement[2].alarm_when",
        "at least one of above, below and equals",
    ),
    "an alarm rule of another type": (
        "{ equals = true }",
        "{ equals = 1 }",
        "{ equals = 1 }",
        "measurement[2].alarm_when.equals",
        "can never be the value of a boolean",
    ),
    "a default out of bounds": (
        "default = 60",
        "default = 0",
        "default = 0",
        "firmware.settings.interval_s.default",
        "less than min = 1",
    ),
    "a setting without a text": (
        'text_en = "Gain"\n',
        "",
        "[firmware.settings.gain]",
        "firmware.settings.gain.text_en",
        "is missing",
    ),
    "a typo in a setting": (
        "max = 3600",
        "maxx = 3600",
        "maxx",
        "firmware.settings.interval_s.maxx",
        'did you mean "max"?',
    ),
    "another id than the folder's": (
        'id = "tank-l1"',
        'id = "tank-l2"',
        '"tank-l2"',
        "device.id",
        'write id = "tank-l1"',
    ),
    "text that is not TOML": ("version = 3", "version = = 3", "version = =", "", "is not TOML"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_names_file_line_key_and_what_to_write(tmp_path: Path, case: str) -> None:
    """Each mistake is found where it stands."""
    before, after, at, key, advice = MISTAKES[case]
    assert PROFILE.count(before) == 1
    text = PROFILE.replace(before, after)
    path = write_profile(tmp_path, text)
    with pytest.raises(ProfileError) as caught:
        load_profiles(tmp_path)
    error = caught.value
    assert (error.file, error.line, error.key) == (path, line_of(text, at), key)
    assert advice in error.advice
    assert str(error).startswith(f"{path}:{error.line}: ")


@pytest.mark.parametrize(
    ("before", "after", "at", "key"),
    [
        ('raw = "ffff"', 'raw = "fff"', '"fff"', "capture[1].raw"),
        ('error = "no echo"\n', "", '[[capture]]\nname = "the probe', "capture[1]"),
        ("{ level = 500 }", "{ level = 5.0 }", "5.0", "capture[0].expect.level"),
        ("{ level = 500 }", "{ open = 1 }", "open", "capture[0].expect.open"),
        ("{ level = 500 }", '{ wave = "00" }', "wave", "capture[0].expect.wave"),
        ("{ level = 500 }", '{ lost = "xy" }', "lost", "capture[0].expect.lost"),
        ('error = "no echo"', "expect = { level = 1 }", "[[capture]]", "capture"),
        ("expect = { level = 500 }", 'error = "all is bad"', "[[capture]]", "capture"),
        ('raw = "01 f4"', 'raw = "01 f4"\nerror = "x"', "[[capture]]", "capture[0]"),
        ("{ level = 500 }", "{ }", "expect = { }", "capture[0].expect"),
        ("{ level = 500 }", "{ lewel = 500 }", "lewel", "capture[0].expect.lewel"),
        ("the probe is unplugged", "half full", 'name = "half full"\nraw = "ffff"', "capture[1].name"),
    ],
)
def test_a_mistake_in_captures_has_its_place_too(tmp_path: Path, before: str, after: str, at: str, key: str) -> None:
    """captures.toml is checked like the profile."""
    text = CAPTURES.replace(before, after)
    path = write_profile(tmp_path, captures=text)
    error = find_mistakes(tmp_path)[2][0]
    assert (error.file, error.line, error.key) == (path.with_name("captures.toml"), line_of(text, at), key)


def test_every_mistake_of_a_file_is_shown_at_once(tmp_path: Path) -> None:
    """A typo, a type, a word out of its list, a unit and a bound in one file: five mistakes in the order of lines, none made up."""
    text = PROFILE
    for before, after in (
        ("version = 3", "versoin = 3"),
        ("default = 60", "default = 0"),
        ('unit = "m"\nexponent = -2', 'unit = "metres"\nexponent = -2'),
        ('lane = "record"', 'lane = "urgent"'),
        ("within_s = 60\n", 'within_s = "soon"\n'),
    ):
        assert text.count(before) == 1
        text = text.replace(before, after)
    write_profile(tmp_path, text)
    mistakes = find_mistakes(tmp_path)[2]
    assert [mistake.key for mistake in mistakes] == [
        "device.versoin",
        "firmware.settings.interval_s.default",
        "commissioning[1].within_s",
        "measurement[0].unit",
        "measurement[2].lane",
    ]
    assert [mistake.line for mistake in mistakes] == sorted(mistake.line for mistake in mistakes)


def test_a_mistake_of_form_makes_no_mistake_of_a_rule_up(tmp_path: Path) -> None:
    """What stands in for a damaged kind is never compared: bounds, alarm, check and captures of it are left alone."""
    told = CAPTURES.replace("{ level = 500 }", "{ level = 500, open = true }")
    write_profile(tmp_path, PROFILE.replace('kind = "boolean"', 'kind = "bool"'), told)
    assert [mistake.key for mistake in find_mistakes(tmp_path)[2]] == ["measurement[2].kind"]
    write_profile(tmp_path, captures=CAPTURES.replace('raw = "ffff"', 'raw = "fff"').replace('"no echo"', "7"))
    assert [mistake.key for mistake in find_mistakes(tmp_path)[2]] == ["capture[1].raw", "capture[1].error"]


def test_a_word_out_of_its_list_hides_nothing_else_of_its_table(tmp_path: Path) -> None:
    """No rule looks at a lane or a deadline: the unit of the same measurement is judged all the same."""
    text = PROFILE.replace('lane = "trend"\ndeadline_s = 300', 'lane = "urgent"\ndeadline_s = "soon"')
    write_profile(tmp_path, text.replace('unit = "m"\nexponent = -2', 'unit = "metres"\nexponent = -2'))
    found = [mistake.key for mistake in find_mistakes(tmp_path)[2]]
    assert found == ["measurement[0].unit", "measurement[0].lane", "measurement[0].deadline_s"]


def test_every_message_is_the_one_that_was_written_down(tmp_path: Path) -> None:
    """The messages are for people: a change of their words is seen whole in mistakes.golden, and meant."""
    found = ""
    for number, (case, (before, after, *_)) in enumerate(MISTAKES.items()):
        folder = tmp_path / str(number)
        path = write_profile(folder, PROFILE.replace(before, after))
        errors = "\n".join(str(error) for error in find_mistakes(folder)[2]).replace(f"{path.parent}/", "")
        found += f"# {case}\n{errors}\n"
    assert found == Path(__file__).with_name("mistakes.golden").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", [None, b" \n", b"\xff"], ids=["no file", "an empty file", "no UTF-8"])
def test_a_profile_without_its_source_is_not_done(tmp_path: Path, text: bytes | None) -> None:
    """Figures whose origin nobody can look up are no facts: source.md must be there and say something."""
    path = write_profile(tmp_path).with_name("source.md")
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text)
    (error,) = find_mistakes(tmp_path)[2]
    assert (error.file, error.line, error.key) == (path, 0, "")
    assert "data sheet with revision" in error.advice


def test_the_check_goes_on_after_a_mistake(tmp_path: Path) -> None:
    """One broken device hides neither the others nor its own further mistakes."""
    write_profile(tmp_path)
    two = PROFILE.replace("min = -0.15", "min = -0.155").replace('kind = "boolean"', 'kind = "boolean"\nmax = 1')
    write_profile(tmp_path, two.replace("tank-l1", "tank-l3"), name="tank-l3")
    write_profile(tmp_path, "nonsense", captures=None, name="tank-l4")
    profiles, captures_count, mistakes = find_mistakes(tmp_path)
    assert [profile.id for profile in profiles] == ["tank-l1"]
    assert captures_count == 4
    assert [mistake.file.parent.name for mistake in mistakes] == ["tank-l3", "tank-l3", "tank-l4", "tank-l4"]


def test_a_file_that_is_not_utf_8_names_the_line(tmp_path: Path) -> None:
    """A profile saved in another encoding is refused with the line of the first bad byte."""
    path = write_profile(tmp_path)
    path.write_bytes(path.read_bytes().replace("non è".encode(), b"non \xe8"))
    with pytest.raises(ProfileError, match="save the file as UTF-8") as caught:
        load_profiles(tmp_path)
    assert caught.value.line == line_of(PROFILE, "non è")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A wrong folder in the configuration is a mistake, not an empty list of profiles."""
    with pytest.raises(ProfileError, match="elsewhere"):
        load_profiles(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("unit", "instead"),
    [
        ("kWh", '"J"'),
        ("mV", '"V"'),
        ("dBm", '"dBW"'),
        ("%", '"/"'),
        ("hPa", '"Pa"'),
        ("°C", '"Cel"'),
        ("l", '"m3"'),
        ("um/m", '"/"'),
        ("uT", '"T"'),
        ("furlong", "primary SenML registry"),
        ("pa", '"Pa"'),
    ],
)
def test_a_unit_out_of_the_primary_registry_is_refused_with_the_right_one(unit: str, instead: str) -> None:
    """The advice names the unit to write."""
    assert instead in (unit_advice(unit) or "")


def test_every_primary_unit_is_accepted() -> None:
    """No unit of the registry is refused: 50 of RFC 8428 that are recommended, 7 of RFC 8798."""
    assert [unit for unit in PRIMARY if unit_advice(unit)] == []
    assert len(PRIMARY) == 50 + 7
