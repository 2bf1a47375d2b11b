# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What holds for the repository as a whole: links, licence lines, decision records, publiccode.yml, the Makefile."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[3]
FOLDERS = (
    *("startcity", "gateway_agent", "collector", "device_profiles", "simulators", "tools", "firmware"),
    *("tests", "bench", "packaging", "docs", ".ci"),
)


def files(*endings: str) -> list[Path]:
    """Our files with these endings: those at the root, and those of our folders, without caches and installed things."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        for parent, folders, names in os.walk(ROOT / folder):
            folders[:] = [name for name in folders if name not in ("__pycache__", "node_modules")]
            found += [Path(parent) / name for name in names]
    return sorted(path for path in found if path.name.endswith(endings))


def anchor_of(heading: str) -> str:
    """The anchor that a heading gets on the usual hosts."""
    plain = re.sub(r"[`*]", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def test_every_link_in_the_docs_leads_somewhere() -> None:
    """A relative link names a file that exists, and an anchor that is a heading of it."""
    broken = []
    for page in files(".md"):
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            aim = (page.parent / name) if name else page
            if not aim.exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
            elif anchor and aim.suffix == ".md":
                headings = re.findall(r"^#+ (.+)$", aim.read_text(encoding="utf-8"), flags=re.MULTILINE)
                if anchor not in map(anchor_of, headings):
                    broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_page_that_the_code_names_is_there() -> None:
    """A docs/ page that a message or a comment sends its reader to exists."""
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files(".py", ".toml", ".service", ".sh", "Makefile", ".md")
        for name in re.findall(r"\bdocs/[a-z0-9/_-]+\.md", path.read_text(encoding="utf-8"))
        if not (ROOT / name).exists()
    }
    assert sorted(missing) == []


def test_every_source_file_names_its_licence() -> None:
    """The two SPDX lines stand on top, below a #! line at most."""
    without = []
    for path in files(".py", ".sh", ".service", ".yml", ".js", ".mjs", "Makefile"):
        head = path.read_text(encoding="utf-8")[:400]
        if (
            "SPDX-License-Identifier: EUPL-1.2" not in head
            or "SPDX-FileCopyrightText: 2026 the startcity authors" not in head
        ):
            without.append(str(path.relative_to(ROOT)))
    assert without == []
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2")


def test_decision_records_have_numbers_of_their_own() -> None:
    """docs/adr/NNNN-words.md, each number once, each with its date."""
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert len(set(numbers)) == len(numbers)
    assert [page.name for page in pages if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)] == []
    assert [page.name for page in pages if not re.search(r"20\d\d-\d\d-\d\d", page.read_text(encoding="utf-8"))] == []


def test_publiccode_has_what_the_standard_demands() -> None:
    """The mandatory keys of publiccode.yml 0.4, its length limits, and facts that agree with pyproject.toml."""
    content = yaml.safe_load((ROOT / "publiccode.yml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    mandatory = [
        "publiccodeYmlVersion",
        "name",
        "url",
        "platforms",
        "developmentStatus",
        "softwareType",
        "description",
        "legal",
        "maintenance",
        "localisation",
    ]
    assert [key for key in mandatory if key not in content] == []
    assert (content["name"], content["softwareVersion"]) == (project["name"], project["version"])
    assert content["legal"]["license"] == project["license"]
    assert set(content["description"]) == set(content["localisation"]["availableLanguages"]) == {"it", "en"}
    for description in content["description"].values():
        assert len(description["shortDescription"]) <= 150
        assert 150 <= len(description["longDescription"]) <= 10_000
        assert len(description["genericName"]) <= 35
        assert description["features"]
    assert content["maintenance"]["contacts"][0]["name"]


def test_make_help_lists_the_rules_that_people_need() -> None:
    """`make` alone lists every rule with what it does."""
    # Without what an outer `make test` hands down.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", "-s"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    listed = done.stdout
    rules = [line.split()[0] for line in listed.splitlines()]
    assert set(
        ["help", "demo", "test", "check", "unit", "vm", "system", "faults", "proof", "bench", "docs", "lock", "clean"]
    ) <= set(rules)
    assert [line for line in listed.splitlines() if len(line.split()) < 3] == []


def test_a_missing_package_without_root_prints_the_exact_command(tmp_path: Path) -> None:
    """Neither root nor sudo: exit code 1, the command to type, and nothing is tried."""
    for name, script in (("id", "echo 1000"), ("sudo", "exit 1"), ("apt-get", f"touch {tmp_path}/tried")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [str(ROOT / "packaging/make/apt.sh"), "sh:dash", "no-such-command:python3-venv"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "sudo apt-get update && sudo apt-get install -y python3-venv\n" in done.stderr
    assert not (tmp_path / "tried").exists()


def test_the_continuous_integration_runs_make_test() -> None:
    """.ci/run is executable and green at home is green there."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").rstrip().endswith("exec make test")


def test_every_direct_dependency_is_locked_with_hashes() -> None:
    """Nothing is installed that was not resolved and hashed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9._-]+)==", lock, flags=re.MULTILINE))
    assert {re.match(r"[A-Za-z0-9._-]+", name)[0].lower() for name in wanted} <= locked  # type: ignore[index]
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", lock)) >= len(locked)
