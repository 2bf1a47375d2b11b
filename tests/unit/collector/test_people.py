# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import csv
import io
import json
import os
import stat
import time
from pathlib import Path

import pytest

from collector.config import load_config
from collector.inbox import Message
from collector.intake import FOREIGN_NAMED_MAX
from gateway_agent.errors import ConfigError
from gateway_agent.model import FrameRow
from tests.support.command_line import mode_of, refuse, startcity, succeed
from tests.support.profile_folder import PROFILE, write_profile
from tests.support.signing_gateway import GATEWAY, START_MS, SigningGateway, frame, kid, pack, test_only_signer
from tests.unit.collector.conftest import City


def made(folder: Path) -> Path:
    """What `collector init` makes, with one gateway."""
    (folder / "gw.pub.pem").write_bytes(test_only_signer(GATEWAY).public_pem())
    succeed("collector", "init", "--dir", folder, "--port", 1999, "--gateway", f"{GATEWAY}={folder / 'gw.pub.pem'}")
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
        (("[broker]", "[brocker]"), "unknown section [brocker]; did you mean `[broker]`?"),
        (("port = 1999", 'port = "x"'), "[broker] port: expected int, got str; write a whole number without quotes"),
        (("port = 1999", "port = 70000"), "[broker] port: 70000; write 1 to 65535"),
        (("[collector]", "[collector"), "not TOML"),
        ((f'id = "{GATEWAY}"', 'id = "Piacenza"'), "[[gateway]] number 1 id: 'Piacenza'; write 1 to 32"),
        ((f'id = "{GATEWAY}"\n', ""), "[[gateway]] number 1 has no `id`; add id = "),
        (("[profiles]", '[[node]]\nid = "AA"\nprofile = "p"\n[profiles]'), "[[node]] number 1 id"),
        (("port = 1999", "prot = 1999"), "[broker]: unknown key `prot`; did you mean `port`?"),
        (("[[gateway]]", "[gateway]"), "gateway: write [[gateway]] on a line"),
        (
            (f'key = "{GATEWAY}.pub.pem"', f'kye = "{GATEWAY}.pub.pem"'),
            "[[gateway]] number 1: unknown key `kye`; did you mean `key`?",
        ),
        (("[collector]", "host = 'h'\n[collector]"), "`host` stands in no section; it belongs below [broker]"),
        (
            (f'key = "{GATEWAY}.pub.pem"', "key = 7"),
            "[[gateway]] number 1 key: expected str, got int; write text in quotes",
        ),
        (("[profiles]", '[log]\nlevel = "loud"\n[profiles]'), "[log] level: 'loud'; write debug"),
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


def test_init_copies_the_key_that_the_person_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key's path is taken from where the person stands; it is copied, so that a change of the gateway's file changes nothing here."""
    monkeypatch.chdir(tmp_path)
    first, later = test_only_signer(GATEWAY), test_only_signer("later")
    for folder in (tmp_path / "gw", tmp_path / "col"):
        folder.mkdir()
        (folder / "gateway.pub.pem").write_bytes(first.public_pem())
    (tmp_path / "col" / "gw2.pub.pem").write_bytes(first.public_pem())
    keys = ("--gateway", "gw1=gw/gateway.pub.pem", "--gateway", "gw2=col/gw2.pub.pem")
    succeed("collector", "init", "--dir", "col", *keys, "--gateway", "collector=gw/gateway.pub.pem")
    (tmp_path / "gw" / "gateway.pub.pem").write_bytes(later.public_pem())
    config = load_config(tmp_path / "col" / "collector.toml")
    found = config.load_gateway_keys()
    assert sorted(found) == ["collector", "gw1", "gw2"]
    assert {key.public_bytes_raw() for key in found.values()} == {first.public_bytes}
    assert 'key = "gw1.pub.pem"' in config.path.read_text()
    assert mode_of(tmp_path / "col" / "gw1.pub.pem") == "0644"
    assert config.load_signer().public_pem() == (tmp_path / "col" / "collector.pub.pem").read_bytes()


def test_init_overwrites_no_other_key(tmp_path: Path) -> None:
    """Another key where the copy goes, or a link that a change of the key would follow: refused, and nothing is made."""
    public, copy = tmp_path / "gateway.pub.pem", tmp_path / "col" / "gw1.pub.pem"
    public.write_bytes(test_only_signer(GATEWAY).public_pem())
    copy.parent.mkdir()
    copy.write_bytes(test_only_signer("other").public_pem())
    assert "another key" in refuse("collector", "init", "--dir", copy.parent, "--gateway", f"gw1={public}")
    assert copy.read_bytes() == test_only_signer("other").public_pem()
    copy.unlink()
    copy.symlink_to(public)
    assert "is a link" in refuse("collector", "init", "--dir", copy.parent, "--gateway", f"gw1={public}")
    assert not (copy.parent / "collector.pem").exists()


def test_init_refuses_what_is_no_gateway(tmp_path: Path) -> None:
    """No file, a private key, no id, the same twice: exit code 2, what to name instead, and nothing is made."""
    public, private = tmp_path / "gw.pub.pem", tmp_path / "gw.pem"
    public.write_bytes(test_only_signer(GATEWAY).public_pem())
    private.write_bytes(test_only_signer(GATEWAY).private_pem())
    made_here = ("collector", "init", "--dir", tmp_path / "col", "--gateway")
    assert "cannot read the public key" in refuse(*made_here, f"gw1={tmp_path / 'none'}")
    assert "not a public key in PEM" in refuse(*made_here, f"gw1={private}")
    assert "gateway.pub.pem that `startcity gateway init` made" in refuse(*made_here, f"gw1={private}")
    assert "write 1 to 32 of a-z" in refuse(*made_here, f"GW={public}")
    assert "given twice" in refuse(*made_here, f"gw1={public}", "--gateway", f"gw1={public}")
    assert not (tmp_path / "col").exists()


def test_a_key_that_is_not_right_says_what_to_do(tmp_path: Path) -> None:
    """A missing key of a gateway or of the collector names file, section, key and the next step."""
    path = made(tmp_path)
    (tmp_path / f"{GATEWAY}.pub.pem").unlink()
    text = refuse("collector", "run", "--config", path)
    assert f"{path}: [[gateway]] {GATEWAY} key: " in text
    assert "copy the gateway's gateway.pub.pem to" in text
    (tmp_path / "collector.pem").unlink()
    text = refuse("collector", "run", "--config", path)
    assert f"{path}: [collector] key: " in text
    assert "put the collector's key there (mode 0600)" in text


def test_nobody_else_can_read_what_is_stored(tmp_path: Path) -> None:
    """Folders 0700 and files 0600, SQLite's -wal and -shm among them, under the widest umask, and where an older one left them open."""
    before = os.umask(0)
    try:
        city = City(tmp_path / "data")
        gateway = SigningGateway()
        city.take(gateway, *gateway.run(2))
        city.take(gateway, gateway.state(), word="state")
        found = {path: mode_of(path) for path in [tmp_path / "data", *(tmp_path / "data").rglob("*")]}
        assert {"collector.sqlite-wal", "collector.sqlite-shm", "state.cose"} < {path.name for path in found}
        assert {mode for path, mode in found.items() if path.is_dir()} == {"0700"}
        assert {mode for path, mode in found.items() if path.is_file()} == {"0600"}
        city.stop()
        (tmp_path / "data" / "collector.sqlite").chmod(0o644)
        city.start()
        city.take(gateway, gateway.seal([frame(9)]))
        assert {mode_of(path) for path in (tmp_path / "data").glob("collector.sqlite*")} == {"0600"}
        city.stop()
    finally:
        os.umask(before)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """No configuration, no database, a key that others can read: each a sentence; exit code 2, or 3 for what is not there yet."""
    assert "startcity collector init" in refuse("collector", "run", "--config", tmp_path / "none.toml")
    path = made(tmp_path)
    for word in ("show", "export"):
        assert "nothing is stored yet; is the collector running?" in refuse("collector", word, "--config", path, code=3)
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


def test_a_citys_own_profiles_are_read_at_the_start_and_a_mistake_in_them_ends_it(tmp_path: Path) -> None:
    """Beside the shipped ones, from the folder beside the configuration."""
    path = made(tmp_path)
    before, _, after = path.read_text().partition("[profiles]\n")
    path.write_text(before + '[profiles]\nfolder = "own"\n' + after.partition("\n")[2])
    write_profile(tmp_path / "own", PROFILE.replace("version = 3", "version = 0"))
    said = refuse("collector", "run", "--config", path)
    assert str(tmp_path / "own" / "tank-l1" / "profile.toml") in said and "device.version" in said


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


def test_a_gateway_that_is_not_listed_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who delivers without being listed is logged once by name and shown with exit code 1, until it is listed."""
    city, path = city_at(tmp_path)
    gateway, forgotten = SigningGateway(), SigningGateway("gw5")
    batches = [forgotten.seal([frame(number)]) for number in range(3)]
    now_ms = time.time_ns() // 1_000_000
    city.take(gateway, *gateway.run(2))
    succeed("collector", "show", "--config", path)
    for batch in batches:
        city.now_ms += 1000
        messages = [Message(forgotten.topic, batch), Message("sc/Not\nan id/record", batch)]
        assert city.intake.take(messages, city.now_ms, now_ms) == []
    advice = "gw5 delivers and is not listed: add a [[gateway]] block with its public key, or check the id"
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [advice]
    text = refuse("collector", "show", "--config", path, code=1)
    assert f"Not listed\n{advice}" in text
    view = json.loads(refuse("collector", "show", "--config", path, "--json", code=1))
    assert [row["gateway"] for row in view["not_listed"]] == ["gw5"]
    assert city.events().count("foreign_gateway") == 1
    path.write_text(path.read_text() + '[[gateway]]\nid = "gw5"\nkey = "gw.pub.pem"\n')
    succeed("collector", "show", "--config", path)
    city.stop()


def test_made_up_gateways_fill_neither_log_nor_store(city: City, caplog: pytest.LogCaptureFixture) -> None:
    """However many names a stranger makes up, a bounded number is named; all messages are counted."""
    for number in range(FOREIGN_NAMED_MAX * 2):
        city.intake.take([Message(f"sc/gw{number}/record", b"x")], city.now_ms, 0)
    assert len(caplog.records) == FOREIGN_NAMED_MAX
    assert city.events().count("foreign_gateway") == FOREIGN_NAMED_MAX
    assert city.counters()["foreign_gateway"] == FOREIGN_NAMED_MAX * 2


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
    none = startcity("collector", "export", "--config", path, "--format", "senml", "--node", "000000000000")
    assert (none.exit_code, json.loads(none.stdout)) == (0, [])
    assert "nothing is stored of node 000000000000" in none.stderr
    for given in ("aabb", "aa bb cc dd ee 01", "aabbccddee0g"):
        assert "12 hex digits" in refuse("collector", "export", "--config", path, "--node", given)
