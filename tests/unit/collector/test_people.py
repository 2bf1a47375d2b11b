# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path

import pytest

from collector.config import load_config
from gateway_agent.errors import ConfigError
from gateway_agent.model import FrameRow
from tests.support.command_line import refuse, succeed
from tests.support.signing_gateway import GATEWAY, START_MS, SigningGateway, frame, kid, pack, test_only_signer
from tests.unit.collector.conftest import City


def made(folder: Path) -> Path:
    """What `collector init` makes, with one gateway."""
    succeed("collector", "init", "--dir", folder, "--port", 1999, "--gateway", f"{GATEWAY}=gw.pub.pem")
    (folder / "gw.pub.pem").write_bytes(test_only_signer(GATEWAY).public_pem())
    return folder / "collector.toml"


def test_init_makes_a_configuration_that_loads(tmp_path: Path) -> None:
    """Key 0600, public key for the gateways, a file that `load_config` takes as it is; nothing is ever overwritten."""
    config = load_config(made(tmp_path))
    assert stat.S_IMODE((tmp_path / "collector.pem").stat().st_mode) == 0o600
    assert config.broker.port == 1999
    assert list(config.load_gateway_keys()) == [GATEWAY]
    key = (tmp_path / "collector.pem").read_bytes()
    assert config.load_signer().public_pem() == (tmp_path / "collector.pub.pem").read_bytes()
    assert "exists already" in refuse("collector", "init", "--dir", tmp_path)
    assert (tmp_path / "collector.pem").read_bytes() == key


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[broker]", "[brocker]"), "brocker"),
        (("port = 1999", 'port = "x"'), "broker.port: Expected `int`"),
        (("port = 1999", "port = 70000"), "broker.port: 70000; write 1 to 65535"),
        (("[collector]", "[collector"), "not TOML"),
        ((f'id = "{GATEWAY}"', 'id = "Piacenza"'), "gateway[0].id: 'Piacenza'; write 1 to 32"),
        ((f'id = "{GATEWAY}"\n', ""), "gateway[0]: Object missing required field `id`; add it"),
        (("[profiles]", '[[node]]\nid = "AA"\nprofile = "p"\n[profiles]'), "node[0].id"),
        (("[profiles]", '[log]\nlevel = "loud"\n[profiles]'), "log.level: 'loud'; write debug"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    """File, key, and what to write."""
    path = made(tmp_path)
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert str(path) in str(error.value)
    assert words in str(error.value)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """No configuration, no database, a key that others can read: each a sentence and exit code 2."""
    assert "startcity collector init" in refuse("collector", "run", "--config", tmp_path / "none.toml")
    path = made(tmp_path)
    assert "no database yet" in refuse("collector", "show", "--config", path)
    (tmp_path / "collector.pem").chmod(0o644)
    assert "chmod 600" in refuse("collector", "run", "--config", path)
    (tmp_path / "collector.pem").chmod(0o600)
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "collector.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 30)
    assert "not a collector's database" in refuse("collector", "run", "--config", path)


def test_two_collectors_on_one_folder_are_refused(tmp_path: Path) -> None:
    """The second one says so and touches nothing."""
    city, path = city_at(tmp_path)
    assert "another collector is running" in refuse("collector", "run", "--config", path)
    city.stop()


def test_the_brokers_password_must_be_private(tmp_path: Path) -> None:
    """A password file that others can read is refused; the password is in no repr."""
    path = made(tmp_path)
    path.write_text(
        path.read_text()
        .replace("[profiles]", "[profiles]", 1)
        .replace("port = 1999", 'port = 1999\nusername = "c"\npassword_file = "pw"')
    )
    (tmp_path / "pw").write_text("s3cret\n")
    (tmp_path / "pw").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_config(path).load_password()
    (tmp_path / "pw").chmod(0o600)
    config = load_config(path)
    assert config.load_password() == "s3cret"
    assert "s3cret" not in repr(config) + repr(vars(config))


def city_at(folder: Path) -> tuple[City, Path]:
    path = made(folder)
    return City(folder / "data"), path


def test_show_prints_nodes_lanes_and_trouble(tmp_path: Path) -> None:
    """Exit code 0 while all is well; 1 and the reason when a chain is forked; the same in JSON."""
    city, path = city_at(tmp_path)
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(3))
    text = succeed("collector", "show", "--config", path)
    assert "aabbccddee01" in text
    assert "intact" in text
    view = json.loads(succeed("collector", "show", "--config", path, "--json"))
    assert view["nodes"][0]["latest"]["temperature"]["value"] == "20.02"
    assert (view["lanes"][0]["number"], view["lanes"][0]["readings"]) == (3, 9)
    other = SigningGateway()
    other.run(1)
    city.take(other, other.seal([frame(1, value=1)], fresh=True))
    text = refuse("collector", "show", "--config", path, code=1)
    assert "forked" in text
    assert "conflict" in text
    city.stop()


def test_export_says_what_is_known_of_times(tmp_path: Path) -> None:
    """CSV with quality and interval; SenML with a time where there is one, else with a label that must be understood."""
    city, path = city_at(tmp_path)
    gateway = SigningGateway()
    city.take(
        gateway,
        gateway.seal(
            [FrameRow(kid(), 1, pack(2001, START_MS - 60_000)), FrameRow(kid(), 2, pack(time_ms=5000, boot=3))]
        ),
    )
    city.stop()
    rows = list(csv.DictReader(io.StringIO(succeed("collector", "export", "--config", path))))
    assert len(rows) == 6
    assert (rows[0]["value"], rows[0]["unit"], rows[0]["time_quality"]) == ("20.01", "Cel", "synchronised")
    assert rows[0]["time"] == "2026-09-21T14:12:20.000Z"
    assert (rows[3]["time"], rows[3]["time_quality"], rows[3]["index"]) == ("", "unknown", "0")
    assert rows[3]["earliest"] < rows[3]["latest"]
    out = tmp_path / "out.json"
    succeed("collector", "export", "--config", path, "--format", "senml", "--node", "aabbccddee01", "--out", out)
    records = json.loads(out.read_text())
    assert records[0] == {
        "n": "urn:dev:mac:aabbccfffeddee01:temperature",
        "u": "Cel",
        "v": 20.01,
        "t": START_MS // 1000 - 60,
    }
    assert records[2]["vb"] is False
    assert "t" not in records[3]
    assert len(records[3]["interval_"]) == 2
    assert (
        json.loads(succeed("collector", "export", "--config", path, "--format", "senml", "--node", "000000000000"))
        == []
    )
