# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity gateway init` makes what a gateway needs, and never destroys what one has."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from gateway_agent.config import load_config
from gateway_agent.registry import open_registry
from tests.support.command_line import mode_of, refuse, startcity, succeed


def test_init_makes_keys_configuration_and_folders(tmp_path: Path) -> None:
    """The private key is Ed25519 and 0600 whatever the umask, the public one matches, the agent reads the file."""
    before = os.umask(0)
    try:
        succeed(
            "gateway",
            "init",
            "--id",
            "piacenza-01",
            "--config",
            tmp_path / "gateway.toml",
            "--city-broker",
            "[2001:db8::1]:8883",
        )
    finally:
        os.umask(before)
    private = load_pem_private_key((tmp_path / "gateway.pem").read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    assert load_pem_public_key((tmp_path / "gateway.pub.pem").read_bytes()) == private.public_key()
    modes = {
        name: mode_of(tmp_path / name)
        for name in (
            "gateway.pem",
            "gateway.pub.pem",
            "gateway.toml",
            "data",
            "data/journal",
            "commissioning.key",
            "commissioning.pub",
            "storage.key",
        )
    }
    assert modes == {
        "gateway.pem": "0600",
        "commissioning.key": "0600",
        "commissioning.pub": "0644",
        "storage.key": "0600",
        "gateway.pub.pem": "0644",
        "gateway.toml": "0644",
        "data": "0700",
        "data/journal": "0700",
    }
    config = load_config(tmp_path / "gateway.toml")
    assert (config.gateway.id, config.city_broker.host, config.city_broker.port) == ("piacenza-01", "2001:db8::1", 8883)
    assert mode_of(config.data / "registry.sqlite") == "0600"
    open_registry(config).close()


def test_a_second_init_keeps_key_and_edited_configuration(gateway: Path) -> None:
    """Doing it again changes no byte of key and configuration, and mends a public key that was lost."""
    gateway.write_text(gateway.read_text() + "\n# edited\n")
    key, text = gateway.with_name("gateway.pem").read_bytes(), gateway.read_bytes()
    public_path = gateway.with_name("gateway.pub.pem")
    public = public_path.read_bytes()
    public_path.unlink()
    output = succeed("gateway", "init", "--id", "piacenza-01", "--config", gateway)
    assert (gateway.with_name("gateway.pem").read_bytes(), gateway.read_bytes(), public_path.read_bytes()) == (
        key,
        text,
        public,
    )
    assert output.count("(kept)") == 3


def test_init_tells_programs_the_same(gateway: Path, tmp_path: Path) -> None:
    """One object with paths, the fingerprint, what is new and what is missing; no key is in it."""
    public = tmp_path / "vault" / "vault.pub"
    succeed("vault", "init", tmp_path / "vault")
    words = ("gateway", "init", "--id", "piacenza-01", "--config", gateway, "--vault-key", public, "--json")
    found = json.loads(succeed(*words).splitlines()[-1])
    text = succeed("gateway", "init", "--id", "piacenza-01", "--config", gateway)
    assert (found["v"], found["gateway"], found["is_new_key"], found["is_new_configuration"]) == (
        1,
        "piacenza-01",
        False,
        False,
    )
    for name in ("key", "public_key", "commissioning_public", "fingerprint", "storage_key", "configuration", "data"):
        assert found[name] in text
    assert found["missing"] == [str(gateway.with_name("collector.pub.pem"))] and found["vault"]["fingerprint"]
    assert gateway.with_name("gateway.pem").read_text().splitlines()[1] not in json.dumps(found)


def test_the_private_key_is_not_shown(gateway: Path) -> None:
    """Neither the first nor the second run prints the key."""
    body = gateway.with_name("gateway.pem").read_text().splitlines()[1]
    assert body not in succeed("gateway", "init", "--id", "piacenza-01", "--config", gateway)


def test_init_for_another_gateway_in_the_same_place_is_refused(gateway: Path) -> None:
    """Two gateways never share a key by accident."""
    assert "is of gateway 'piacenza-01'" in refuse("gateway", "init", "--id", "other", "--config", gateway)


@pytest.mark.parametrize("content", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_an_unreadable_key_is_refused_and_left_alone(gateway: Path, content: str) -> None:
    """A damaged key is never replaced by a new one: that would end the chains that it signed."""
    key = gateway.with_name("gateway.pem")
    key.write_text(content)
    assert "is not a private key in PEM" in refuse("gateway", "init", "--id", "piacenza-01", "--config", gateway)
    assert key.read_text() == content


def test_a_key_that_others_may_read_is_refused(gateway: Path) -> None:
    """The message has the command that mends it."""
    key = gateway.with_name("gateway.pem")
    key.chmod(0o644)
    assert f"chmod 600 {key}" in refuse("gateway", "init", "--id", "piacenza-01", "--config", gateway)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--id", "Piacenza"], "1 to 32 characters of a-z 0-9 -"),
        (["--id", "p", "--city-broker", "nowhere"], "write HOST:PORT"),
        (["--id", "p", "--city-broker", "host:99999"], "write HOST:PORT"),
    ],
)
def test_a_wrong_word_makes_nothing(tmp_path: Path, words: list[str], says: str) -> None:
    """A mistake in the command is said in plain words before any file is made."""
    assert says in " ".join(
        refuse("gateway", "init", "--config", tmp_path / "g.toml", *words).replace("│", " ").split()
    )
    assert list(tmp_path.iterdir()) == []


def test_a_gateway_without_a_collector_ends_at_the_broker(tmp_path: Path) -> None:
    """--no-collector writes what the agent reads as delivery to the broker."""
    succeed("gateway", "init", "--id", "p", "--config", tmp_path / "g.toml", "--no-collector")
    assert load_config(tmp_path / "g.toml").city_broker.delivery == "broker"


def test_status_before_the_first_start_says_so(gateway: Path) -> None:
    """No status file is exit code 3: nothing is wrong, it is only not there yet."""
    assert "has not run yet" in refuse("gateway", "status", "--config", gateway, code=3)


def test_status_shows_what_the_gateway_wrote(gateway: Path) -> None:
    """--json prints the object; a gateway that does not run is exit code 3."""
    written = {"pid": 0, "stopped": True, "journal": {"bytes": 12}}
    (load_config(gateway).data / "status.json").write_text(json.dumps(written))
    result = startcity("gateway", "status", "--json", "--config", gateway)
    assert result.exit_code == 3
    assert json.loads(result.output)["journal"] == {"bytes": 12}
    assert "12 B" in startcity("gateway", "status", "--config", gateway).output


@pytest.mark.parametrize("command", ["run", "status"])
def test_a_missing_or_mistyped_configuration_is_a_person_s_matter(tmp_path: Path, gateway: Path, command: str) -> None:
    """Exit code 2, and what to write."""
    assert "startcity gateway init" in refuse("gateway", command, "--config", tmp_path / "none.toml")
    gateway.write_text(gateway.read_text().replace("bytes_max", "byte_max"))
    assert "did you mean `bytes_max`?" in refuse("gateway", command, "--config", gateway)


def test_init_where_nobody_may_write_is_a_person_s_matter(tmp_path: Path) -> None:
    """Exit code 2 and a sentence, not a traceback: for the configuration's folder and for the data folder."""
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "etc" / "gateway.toml"
    assert "choose folders that you may write" in refuse("gateway", "init", "--id", "p", "--config", below)
    words = ("--config", tmp_path / "gw" / "gateway.toml", "--data", tmp_path / "file" / "data")
    assert "choose a folder that you may write" in refuse("gateway", "init", "--id", "p", *words)
    assert "choose folders that you may write" in refuse("gateway", "init", "--id", "p", "--config", "/proc/sc/g.toml")


def test_the_template_says_what_turns_tls_on(gateway: Path) -> None:
    """Both brokers have the line, as a comment; without its `#` the agent reads it."""
    text = gateway.read_text()
    assert text.count("# tls_ca = ") == 2
    gateway.write_text(text.replace("# tls_ca = ", "tls_ca = "))
    config = load_config(gateway)
    assert config.nodes_broker.tls_ca
    assert config.city_broker.tls_ca


def test_the_next_steps_of_init_are_those_that_are_left(tmp_path: Path) -> None:
    """Brokers, the collector's key where it is missing, run, and a `node add` that works once its capitals are filled in."""
    config = tmp_path / "gw 1" / "gateway.toml"
    words = ("gateway", "init", "--id", "piacenza-01", "--config", config)
    output = succeed(*words)
    steps = output[output.index("next ") :]
    assert "nodes' 127.0.0.1:1883, city's 127.0.0.1:1884" in steps
    assert f"collector.pub.pem, of `startcity collector init`, to {config.parent / 'collector.pub.pem'}" in steps
    assert f"startcity gateway run --config '{config}'" in steps
    line = next(line for line in steps.splitlines() if "node add" in line)
    assert line.endswith("--mqtt-host ADDRESS"), "no node reaches 127.0.0.1"
    filled = shlex.split(line[line.index("startcity") :])[1:]
    values = {"ID": "aabbccddee01", "PROFILE": "parking-qmc5883l", "DIR": str(tmp_path / "n"), "NETWORK": "citta"}
    values["ADDRESS"] = "192.0.2.10"
    succeed(*(values.get(word, word) for word in filled), env={"STARTCITY_WIFI_PASSWORD": "correct horse"})
    (config.parent / "collector.pub.pem").write_text("-")
    assert "copy the collector's" not in succeed(*words)
    other = succeed(*words[:-1], tmp_path / "o" / "gateway.toml", "--no-collector", "--nodes-broker", "192.0.2.7:1883")
    assert "collector.pub.pem" not in other and "--mqtt-host 192.0.2.7" in other and "ADDRESS" not in other


def test_the_faults_of_the_virtual_board_stand_above_the_option() -> None:
    """The help page lists them before the options."""
    page = " ".join(succeed("sim", "board", "--help").replace("│", " ").split())
    assert "see above" in page and page.index("lost-reply") < page.index("see above")


def test_a_stand_in_that_cannot_be_written_is_said() -> None:
    """In words, not with a traceback."""
    assert "/nope/x.bin cannot be written: No such file" in refuse("sim", "board", "--stand-in", "/nope/x.bin")
