# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The shipped systemd units: hardened, and asking for nothing that the programs cannot do without."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from collector.config import load_config as load_collector
from collector.init import init as make_collector
from tools.gateway_files import make_signing_key

UNITS = Path(__file__).parents[2] / "packaging" / "systemd"
NAMES = sorted(path.name for path in UNITS.glob("*.service"))


def read(name: str) -> dict[str, list[str]]:
    """The [Service] section; a key may stand several times."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text().splitlines():
        key, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def test_the_gateways_unit_is_there() -> None:
    """The parametrised tests below have something to look at."""
    assert "startcity-gateway.service" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_hardened(name: str) -> None:
    """systemd's own rating is 2.0 or better (`--threshold` is ten times that)."""
    answer = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", str(UNITS / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-2_000:] + answer.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_watched_and_told_apart_from_a_wrong_setting(name: str) -> None:
    """Type=notify with a watchdog, started again for ever, but not after exit code 2, which a person has to mend."""
    service = read(name)
    assert service["Type"] == ["notify"]
    assert int(service["WatchdogSec"][0]) >= 10
    assert service["Restart"] == ["always"]
    assert service["RestartPreventExitStatus"] == ["2"]


def test_the_gateway_may_do_what_it_has_to() -> None:
    """The boot id and the question to the kernel about its clock stay allowed."""
    service = read("startcity-gateway.service")
    assert "ProcSubset" not in service
    assert "ProtectClock" not in service
    assert "adjtimex" in service["SystemCallFilter"]


@pytest.mark.parametrize("name", NAMES)
def test_the_unit_and_the_operators_page_have_the_same_names(name: str) -> None:
    """Program, user, folders, their modes and the configuration: who follows docs/operator.md gets a running service."""
    service, page = read(name), (UNITS.parents[1] / "docs" / "operator.md").read_text()
    commands = [line.strip() for line in page.replace("\\\n", " ").splitlines()]
    program, _word, _run, option, config = service["ExecStart"][0].split()
    assert f"sudo ln -sf {program} /usr/local/bin/startcity" in commands
    assert "sudo python3 -m venv " + str(Path(program).parents[1]) in commands
    user, state, settings = service["User"][0], service["StateDirectory"][0], service["ConfigurationDirectory"][0]
    assert service["Group"] == [user]
    assert f"sudo useradd --system --home-dir /var/lib/{state} --shell /usr/sbin/nologin {user}" in commands
    for folder, mode in (
        (f"/var/lib/{state}", service["StateDirectoryMode"][0]),
        (f"/etc/{settings}", service["ConfigurationDirectoryMode"][0]),
    ):
        assert f"sudo install -d -o {user} -g {user} -m {mode} {folder}" in commands
    assert option == "--config"
    assert Path(config).parent == Path("/etc") / settings
    init = next(line for line in commands if line.startswith(f"sudo -u {user} startcity ") and " init " in line)
    assert f"--config {config}" in init or f"--dir {Path(config).parent}" in init
    assert f"/var/lib/{state}" in init or f'data = "/var/lib/{state}"' in page
    assert f"sudo cp /opt/startcity/source/packaging/systemd/{name} /etc/systemd/system/" in commands
    assert f"sudo systemctl enable --now {name.removesuffix('.service')}" in commands


def test_the_operators_sed_lines_fit_the_collectors_template(tmp_path: Path) -> None:
    """The page's own commands put the data where the unit may write, and turn TLS on."""
    make_signing_key(tmp_path / "gateway.pem")
    make_collector(tmp_path, "broker.example.org", 8883, (("piacenza-01", tmp_path / "gateway.pub.pem"),))
    config = tmp_path / "collector.toml"
    page = (UNITS.parents[1] / "docs" / "operator.md").read_text()
    for line in page.splitlines():
        if line.startswith("sudo sed -i "):
            script = line.split("'")[1]
            subprocess.run(["sed", "-i", script, str(config)], check=True)
    made = load_collector(config)
    assert made.data == Path("/var/lib/startcity-collector")
    assert made.broker.tls
