# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A profile with random damage: it is still a profile, or there is a list of mistakes with lines. Never an exception.

Hypothesis prints the seed that replays a failure; `STARTCITY_EXAMPLES` says how many examples each property gets.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from device_profiles import find_mistakes, load_captures
from startcity.profile_page import object_of, page_of
from tests.support.profile_folder import CAPTURES, PROFILE, write_profile

MANY = settings(
    max_examples=int(os.environ.get("STARTCITY_EXAMPLES", "150")),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)

# Values that a careless hand, another program or an attacker would write, and legal ones at the wrong place.
VALUES = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(lambda value: repr(value).replace("1e", "1.0e")),
    st.booleans().map(lambda value: str(value).lower()),
    st.text(max_size=12).map(lambda text: json.dumps(text, ensure_ascii=True)),
    st.sampled_from(
        (
            "2026-03-01",
            "2026-03-01T10:00:00Z",
            "10:00:00",
            "[]",
            "{}",
            "[1, [2, { a = 3 }]]",
            "{ above = 1.0 }",
            "{ equals = true, severity = 'critical' }",
            "'''\n[[measurement]]\n'''",
            '"""a\n\n[power]\n"""',
            "1" * 5000,
            "[" * 3000,
            "1e400",
            "inf",
            "nan",
            "-1",
            "0",
            "0.005",
            "1e-13",
            "0x1f",
            "'level'",
            "'open'",
            "'wave'",
            "'lost'",
            "'battery'",
            "'bytes'",
            "'float'",
        )
    ),
)
KEYS = st.sampled_from(sorted({line.split(" = ")[0] for line in PROFILE.splitlines() if " = " in line}))
HEADERS = st.sampled_from(
    [*sorted({line for line in PROFILE.splitlines() if line.startswith("[")}), "[a.b]", "[[text]]"]
)


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """`text` after one to six steps of damage to its lines, and sometimes to a single character."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1)) if lines else 0
        step = draw(st.sampled_from(("value", "value", "value", "key", "drop", "double", "swap", "insert", "header")))
        if not lines or step == "insert":
            lines.insert(at, f"{draw(KEYS)} = {draw(VALUES)}")
        elif step in ("value", "key") and " = " in lines[at]:
            key, _, value = lines[at].partition(" = ")
            lines[at] = f"{key} = {draw(VALUES)}" if step == "value" else f"{draw(KEYS)} = {value}"
        elif step == "drop":
            del lines[at]
        elif step == "double":
            lines.insert(at, lines[at])
        elif step == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            lines.insert(at, draw(HEADERS))
    whole = "\n".join(lines) + "\n"
    if draw(st.booleans()):
        at = draw(st.integers(0, len(whole)))
        whole = whole[:at] + draw(st.text(max_size=2)) + whole[at + draw(st.integers(0, 2)) :]
    return whole


def judge(profile: str, captures: str) -> None:
    """Either a profile that can be used for everything, or mistakes with an address and advice."""
    with tempfile.TemporaryDirectory() as name:
        path = write_profile(Path(name), profile.encode("utf-8", "replace").decode(), captures)
        lines = {file: file.read_text(encoding="utf-8").count("\n") + 1 for file in path.parent.iterdir()}
        profiles, _, mistakes = find_mistakes(Path(name))
        for mistake in mistakes:
            assert 1 <= mistake.line <= lines[mistake.file], mistake
            assert mistake.advice
        assert profiles or any(mistake.file == path for mistake in mistakes)
        for good in profiles:
            json.dumps(good.firmware_config(), allow_nan=False)
            if not mistakes:
                found = load_captures(good)
                json.dumps(object_of(good, found), allow_nan=False)
                assert list(page_of(good, found))


# One wrong value alone reaches the rules behind the schema, which random damage rarely does.
WRONG_VALUES = ("inf", "nan", "-1", "1e-13", str(2**70), "1" * 5000, "[]", "{}", "2026-03-01", "'wave'")


@pytest.mark.parametrize("value", WRONG_VALUES, ids=[value[:12] for value in WRONG_VALUES])
def test_each_value_alone_may_be_wrong(value: str) -> None:
    """At the place of every value of a profile, each of these is accepted or a mistake with a line."""
    lines = PROFILE.splitlines()
    for index, line in enumerate(lines):
        if " = " in line:
            changed = f"{line.partition(' = ')[0]} = {value}"
            judge("\n".join([*lines[:index], changed, *lines[index + 1 :]]) + "\n", CAPTURES)


@MANY
@given(damaged(PROFILE))
@example(PROFILE)
def test_a_damaged_profile_is_a_profile_or_a_list_of_mistakes(profile: str) -> None:
    """No damage of profile.toml raises, and what is accepted can be shown and compiled for a node."""
    judge(profile, CAPTURES)


@MANY
@given(damaged(CAPTURES))
def test_damaged_captures_are_captures_or_a_list_of_mistakes(captures: str) -> None:
    """No damage of captures.toml raises."""
    judge(PROFILE, captures.encode("utf-8", "replace").decode())


@MANY
@given(st.text())
def test_any_text_is_a_list_of_mistakes(text: str) -> None:
    """A file that is not a profile at all is one mistake with its line."""
    judge(text, CAPTURES)
