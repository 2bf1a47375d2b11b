# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity node` makes a board a node: its files, its key, its place in the registry."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from device_profiles import load_profiles
from gateway_agent.config import load_config
from gateway_agent.registry import NodeRecord, open_registry
from gateway_agent.wire.keys import derive_root
from startcity.node_command import parse_setting
from tests.support.command_line import mode_of, refuse, startcity, succeed

NODE = "aabbccddee01"
PASSWORD = "correct horse battery"


def add(out: Path, *words: object, env: dict[str, str | None] | None = None, node: str = NODE) -> list[object]:
    """The words of a `node add` that only needs a place to put the key."""
    return ["node", "add", node, "--profile", "parking-qmc5883l", "--out", out, "--wifi-ssid", "città", *words]


def registered(config: Path) -> list[NodeRecord]:
    with open_registry(load_config(config)) as registry:
        return registry.nodes()


def test_a_node_gets_its_files_and_the_gateway_its_root(tmp_path: Path, gateway: Path, vault: Path) -> None:
    """config.json and key.bin are 0600, the root is the master's, the broker comes from the gateway's configuration."""
    out = tmp_path / "node01"
    words = add(out, "--config", gateway, "--vault", vault, "--place", "Piazza Cavalli", "--set", "heartbeat_s=120")
    output = succeed(*words, env={"STARTCITY_WIFI_PASSWORD": PASSWORD})
    assert {path.name: mode_of(path) for path in out.iterdir()} == {"config.json": "0600", "key.bin": "0600"}
    assert mode_of(out) == "0700"
    master = (out / "key.bin").read_bytes()
    config = json.loads((out / "config.json").read_text())
    assert config["settings"]["heartbeat_s"] == 120
    assert config["measurements"]["occupied"] == [None, "b", 0, "record", 5]
    assert {
        key: config[key] for key in ("node", "profile", "app", "wifi", "open_networks", "mqtt", "generation", "log")
    } == {
        "node": NODE,
        "profile": "parking-qmc5883l",
        "app": "parking",
        "wifi": [{"ssid": "città", "password": PASSWORD}],
        "open_networks": [],
        "mqtt": {"host": "192.0.2.10", "port": 1885, "user": None, "password": None},
        "generation": 0,
        "log": "info",
    }
    root = derive_root(master, 0)
    assert registered(gateway) == [NodeRecord(bytes.fromhex(NODE), "parking-qmc5883l", 0, root, "", "Piazza Cavalli")]
    for secret in (PASSWORD, master.hex(), root.hex()):
        assert secret not in output


def test_the_chip_chooses_the_boards_file(tmp_path: Path, vault: Path) -> None:
    """`--chip` puts that chip's board into config.json; a profile that needs more pins than it has makes nothing."""
    ends = ("--vault", vault, "--mqtt-host", "gw.example.org", "--open-network", "--chip", "esp32c3")
    succeed(*add(tmp_path / "n", *ends))
    assert json.loads((tmp_path / "n" / "config.json").read_text())["board"] == "esp32c3_generic"
    assert "too few pins" in refuse(*add(tmp_path / "d", *ends, "--profile", "dae-cabinet", node="aabbccddee02"))
    assert not (tmp_path / "d").exists()


def test_the_password_is_no_option_and_in_no_help(tmp_path: Path) -> None:
    """Command lines are public (`ps`): no option takes a password itself."""
    options = [word for word in succeed("node", "add", "--help").split() if word.startswith("--")]
    assert [word for word in options if "password" in word] == ["--wifi-password-file", "--mqtt-password-file"]
    refused = startcity(*add(tmp_path / "n", "--wifi-password", PASSWORD))
    assert refused.exit_code == 2


def test_the_password_comes_from_a_private_file(tmp_path: Path, vault: Path) -> None:
    """The editor's last newline is not part of it; a file that others may read is refused."""
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o644)
    words = add(tmp_path / "n", "--vault", vault, "--mqtt-host", "gw.example.org", "--wifi-password-file", file)
    assert "chmod 600" in refuse(*words)
    file.chmod(0o600)
    assert PASSWORD not in succeed(*words)
    assert json.loads((tmp_path / "n" / "config.json").read_text())["wifi"][0]["password"] == PASSWORD


def test_without_a_password_and_a_terminal_it_says_what_to_do(tmp_path: Path, vault: Path) -> None:
    """Nothing is made, and both ways out are named."""
    output = refuse(*add(tmp_path / "n", "--vault", vault, "--mqtt-host", "gw.example.org"))
    assert "STARTCITY_WIFI_PASSWORD" in output
    assert "--open-network" in output
    assert not (tmp_path / "n").exists()


def test_an_open_network_is_joined_only_when_it_is_said(tmp_path: Path, vault: Path) -> None:
    """--open-network lists the network as open and asks for no password."""
    succeed(*add(tmp_path / "n", "--vault", vault, "--mqtt-host", "gw.example.org", "--open-network"))
    config = json.loads((tmp_path / "n" / "config.json").read_text())
    assert (config["wifi"], config["open_networks"]) == ([], ["città"])


def test_doing_it_again_keeps_the_key_and_changes_the_settings(tmp_path: Path, gateway: Path) -> None:
    """A second run for the same folder is a change of settings, with the name kept; a new folder would be a new key."""
    words = add(tmp_path / "n", "--config", gateway, "--open-network")
    succeed(*words, "--name", "Stall 1")
    master = (tmp_path / "n" / "key.bin").read_bytes()
    succeed(*words, "--place", "Via Roma", "--log", "debug")
    assert (tmp_path / "n" / "key.bin").read_bytes() == master
    assert json.loads((tmp_path / "n" / "config.json").read_text())["log"] == "debug"
    assert [(n.name, n.place) for n in registered(gateway)] == [("Stall 1", "Via Roma")]
    again = add(tmp_path / "other", "--config", gateway, "--open-network")
    assert "registered with another key" in refuse(*again)
    succeed(*again, "--replace")
    assert registered(gateway)[0].root == derive_root((tmp_path / "other" / "key.bin").read_bytes(), 0)


def test_the_vault_s_key_is_used_for_a_node_that_it_has(tmp_path: Path, vault: Path) -> None:
    """A board that was wiped gets its old key again; a folder with another key is refused and kept."""
    words = ("--vault", vault, "--mqtt-host", "gw.example.org", "--open-network")
    succeed(*add(tmp_path / "a", *words))
    succeed(*add(tmp_path / "b", *words))
    assert (tmp_path / "a" / "key.bin").read_bytes() == (tmp_path / "b" / "key.bin").read_bytes()
    (tmp_path / "b" / "key.bin").write_bytes(bytes(16))
    assert "the vault has another key" in refuse(*add(tmp_path / "b", *words))
    assert (tmp_path / "b" / "key.bin").read_bytes() == bytes(16)


def test_a_gateway_takes_the_roots_of_a_vault_elsewhere(tmp_path: Path, gateway: Path, vault: Path) -> None:
    """`vault commission` and `node import` register the same root as `node add` would, for any generation."""
    succeed(
        *add(tmp_path / "n", "--vault", vault, "--mqtt-host", "gw.example.org", "--open-network", "--name", "Stall 1")
    )
    file, for_gateway = tmp_path / "nodes.cose", ("--gateway", gateway.with_name("commissioning.pub"))
    succeed("vault", "commission", "--all", "--vault", vault, *for_gateway, "--generation", "1", "--out", file)
    output = succeed("node", "import", file, "--config", gateway, "--vault-key", vault / "vault.pub", "--yes")
    root = derive_root((tmp_path / "n" / "key.bin").read_bytes(), 1)
    assert registered(gateway) == [NodeRecord(bytes.fromhex(NODE), "parking-qmc5883l", 1, root, "Stall 1", "")]
    assert root.hex() not in output
    rows = json.loads(succeed("node", "list", "--config", gateway, "--json"))
    row = {
        "node": NODE,
        "profile": "parking-qmc5883l",
        "generations": [1],
        "name": "Stall 1",
        "place": "",
        "command": None,
    }
    assert rows == [row]
    assert root.hex() not in succeed("node", "list", "--config", gateway)


@pytest.mark.parametrize(
    ("node", "words", "says"),
    [
        ("aabbccddee", [], "12 hex digits"),
        ("aa:bb-cc:dd:ee:01", [], "12 hex digits"),
        ("01005e000001", [], "group address"),
        (NODE, ["--profile", "parking"], "There is no profile parking. Known: "),
        (NODE, ["--set", "heartbeat_s=1"], "write 10 s or more"),
        (NODE, ["--set", "heartbeat=60"], "does not have it; it has:"),
        (NODE, ["--set", "heartbeat_s"], "write NAME=VALUE"),
        (NODE, ["--wifi-ssid", "x" * 33], "1 to 32 bytes"),
    ],
)
def test_a_mistake_makes_nothing(tmp_path: Path, gateway: Path, node: str, words: list[str], says: str) -> None:
    """Every mistake is said in plain words, before any file or record is made."""
    assert says in refuse(*add(tmp_path / "n", "--config", gateway, "--open-network", *words, node=node))
    assert not (tmp_path / "n").exists()
    assert registered(gateway) == []


@pytest.mark.parametrize("password", ["short", "x" * 64, "tab\tinside", "accenté-password"])
def test_a_password_that_no_access_point_accepts_is_refused_without_showing_it(
    tmp_path: Path, vault: Path, password: str
) -> None:
    """The refusal says what a password may be, and not what it was."""
    words = add(tmp_path / "n", "--vault", vault, "--mqtt-host", "gw.example.org")
    output = refuse(*words, env={"STARTCITY_WIFI_PASSWORD": password})
    assert "the Wi-Fi password has" in output
    assert password not in output


def test_a_loopback_broker_is_no_address_for_a_node(tmp_path: Path) -> None:
    """The gateway's own 127.0.0.1 is never copied into a node's configuration."""
    config = tmp_path / "gateway.toml"
    succeed("gateway", "init", "--id", "p", "--config", config)
    assert "Write --mqtt-host" in refuse(*add(tmp_path / "n", "--config", config, "--open-network"))
    succeed(*add(tmp_path / "n", "--config", config, "--open-network", "--mqtt-host", "127.0.0.1"))


def test_without_gateway_and_vault_there_is_nothing_to_do(tmp_path: Path) -> None:
    """A key that nobody keeps is not made."""
    assert "Give --config" in refuse(*add(tmp_path / "n", "--open-network"))


def test_a_broken_key_file_is_refused(tmp_path: Path, vault: Path) -> None:
    """A key.bin of another length is named, and not overwritten."""
    words = add(tmp_path / "n", "--vault", vault, "--mqtt-host", "gw.example.org", "--open-network")
    succeed(*words)
    (tmp_path / "n" / "key.bin").write_bytes(b"short")
    assert "has 5 bytes, a node's key has 16" in refuse(*words)


def test_import_of_something_else_is_refused(tmp_path: Path, gateway: Path, vault: Path) -> None:
    """Keys in clear, nothing, or no file: each is named, nothing is registered, and no key is repeated."""
    file, trust = tmp_path / "roots.json", ("--vault-key", vault / "vault.pub", "--yes")
    node = f'{{"node": "{NODE}", "profile": "parking-qmc5883l", "root": "{"5a" * 16}"}}'
    for content in (f'{{"format": "startcity roots 1", "generation": 0, "nodes": [{node}]}}', ""):
        file.write_text(content)
        said = refuse("node", "import", file, "--config", gateway, *trust, code=21)
        assert "is no commissioning file" in said and "5a5a" not in said
    assert "does not exist" in refuse("node", "import", tmp_path / "none", "--config", gateway)
    assert registered(gateway) == []


def test_every_shipped_profile_makes_a_configuration(tmp_path: Path, vault: Path) -> None:
    """No profile in the tree is one that `node add` cannot use."""
    for index, profile in enumerate(load_profiles()):
        words = ["--vault", vault, "--wifi-ssid", "s", "--open-network", "--mqtt-host", "h"]
        succeed("node", "add", f"aabbccddee{index:02x}", "--profile", profile, "--out", tmp_path / profile, *words)
        assert json.loads((tmp_path / profile / "config.json").read_text())["profile"] == profile


def test_a_folder_of_another_node_is_refused(tmp_path: Path, gateway: Path, vault: Path) -> None:
    """Two nodes never get one master: not from a folder, not from a lone key.bin, with a vault or a gateway."""
    other = "aabbccddee02"
    for number, ends in enumerate((("--config", gateway), ("--vault", vault, "--mqtt-host", "gw.example.org"))):
        out = tmp_path / f"n{number}"
        succeed(*add(out, *ends, "--open-network"))
        before = (out / "config.json").read_bytes()
        assert f"belongs to node {NODE}" in refuse(*add(out, *ends, "--open-network", node=other))
        assert (out / "config.json").read_bytes() == before
        (out / "config.json").unlink()
        assert NODE in refuse(*add(out, *ends, "--open-network", node=other))
        assert not (out / "config.json").exists()
    assert [node.node_id.hex() for node in registered(gateway)] == [NODE]


def test_the_registry_is_asked_before_anything_is_written(tmp_path: Path, gateway: Path, vault: Path) -> None:
    """A node that the gateway knows with another key leaves neither a folder nor an entry in the vault."""
    succeed(*add(tmp_path / "n", "--config", gateway, "--open-network"))
    words = add(tmp_path / "other", "--config", gateway, "--vault", vault, "--open-network")
    assert "registered with another key" in refuse(*words)
    assert not (tmp_path / "other").exists()
    assert json.loads((vault / "vault.json").read_text())["nodes"] == {}


def test_the_advice_to_keep_the_master_is_a_command_that_works(
    tmp_path: Path, gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `node add` without a vault prints can be copied into a shell as it is."""
    monkeypatch.chdir(tmp_path)
    output = succeed(*add(tmp_path / "node 1", "--config", gateway, "--open-network"))
    advised = next(line for line in output.splitlines() if line.startswith("No vault has")).split("`")[1]
    for command in advised.split(" && "):
        succeed(*shlex.split(command)[1:])
    entry = json.loads((tmp_path / "vault" / "vault.json").read_text())["nodes"][NODE]
    assert entry["master"] == (tmp_path / "node 1" / "key.bin").read_bytes().hex()


@pytest.mark.parametrize("host", ["mqtt://gw.example.org", "gw.example.org:1883", "[2001:db8::1]", "gw/x", "gw x", ""])
def test_a_host_is_only_a_name_or_an_address(tmp_path: Path, vault: Path, host: str) -> None:
    """A scheme, a port, a path or brackets would never resolve on the board."""
    words = add(tmp_path / "n", "--vault", vault, "--open-network", "--mqtt-host", host)
    assert "write only a name or an address" in refuse(*words)
    assert not (tmp_path / "n").exists()


def test_a_loopback_host_is_taken_with_a_warning(tmp_path: Path, vault: Path) -> None:
    """Simulated nodes need it; a person is told on stderr."""
    result = startcity(*add(tmp_path / "n", "--vault", vault, "--open-network", "--mqtt-host", "127.0.0.1"))
    assert result.exit_code == 0
    assert "is the board itself" in result.stderr


def test_a_broker_s_user_needs_a_password(tmp_path: Path, vault: Path) -> None:
    """A user without a password would fail on the wall and not at the desk."""
    words = add(tmp_path / "n", "--vault", vault, "--open-network", "--mqtt-host", "gw", "--mqtt-user", "nodes")
    assert "--mqtt-password-file" in refuse(*words, env={"STARTCITY_MQTT_PASSWORD": None})
    succeed(*words, env={"STARTCITY_MQTT_PASSWORD": "x"})


def test_a_password_file_of_two_lines_is_named(tmp_path: Path, vault: Path) -> None:
    """The refusal says what is wrong with the file, and shows nothing of it."""
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\nsecond line\n")
    file.chmod(0o600)
    words = add(tmp_path / "n", "--vault", vault, "--mqtt-host", "gw", "--wifi-password-file", file)
    output = refuse(*words)
    assert "has more than one line" in output
    assert PASSWORD not in output


def test_true_and_false_are_taken_in_any_case(tmp_path: Path, vault: Path) -> None:
    """`True` is what a person types; the refusal of something else shows what may be written."""
    words = ["--vault", vault, "--wifi-ssid", "s", "--open-network", "--mqtt-host", "h", "--out", tmp_path / "n"]
    node = ["node", "add", NODE, "--profile", "strain-hx711", *words]
    succeed(*node, "--set", "stream=True")
    assert json.loads((tmp_path / "n" / "config.json").read_text())["settings"]["stream"] is True
    assert "write true or false, such as false, not 'yes'" in refuse(*node, "--set", "stream=yes")
    assert "stream = false" in succeed("profile", "show", "strain-hx711")


def test_the_list_has_one_row_a_node_with_its_generations(
    tmp_path: Path, gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes of three keys are two: under a header, with the newest name that says something, here from ./gateway.toml."""
    first, second = bytes.fromhex(NODE), bytes.fromhex("aabbccddee02")
    with open_registry(load_config(gateway)) as registry:
        for number, (node, generation, name) in enumerate(
            ((first, 0, "Stall 1"), (first, 2, ""), (second, 1, "Stall 2"))
        ):
            registry.add_node(NodeRecord(node, "parking-qmc5883l", generation, bytes([number]) * 16, name, ""))
    monkeypatch.chdir(gateway.parent)
    header, *rows, count = succeed("node", "list").splitlines()
    assert header.split() == ["node", "profile", "generations", "name", "place"]
    assert [row.split() for row in rows] == [
        [NODE, "parking-qmc5883l", "0,", "2", "Stall", "1"],
        ["aabbccddee02", "parking-qmc5883l", "1", "Stall", "2"],
    ]
    assert count == "Nodes: 2."
    assert "generazioni" in succeed("node", "list", "--lang", "it")
    found = json.loads(succeed("node", "list", "--json"))
    assert [(row["node"], row["generations"]) for row in found] == [(NODE, [0, 2]), ("aabbccddee02", [1])]


@pytest.mark.parametrize(
    "words", [("list",), ("import", "nodes.cose"), ("move", "1", "--dry-run"), ("command", NODE, "identify")]
)
def test_the_configuration_is_gateway_toml_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """As for `gateway run` and `status`: the file that is missing is named, and not the option."""
    monkeypatch.chdir(tmp_path)
    output = refuse("node", *words)
    assert "gateway.toml" in output and "Missing option" not in output
    assert "gateway.toml" in succeed("node", words[0], "--help")


def test_the_way_to_the_gateway_is_a_sealed_file_and_works_as_written(
    tmp_path: Path, gateway: Path, vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `node add --vault` prints makes a commissioning file, no roots in clear, and the gateway takes it."""
    monkeypatch.chdir(tmp_path)
    ends = ("--vault", vault, "--mqtt-host", "gw.example.org", "--open-network", "--generation", "3")
    output = succeed(*add(tmp_path / "n", *ends))
    advised = next(line for line in output.splitlines() if line.startswith("No gateway knows")).split("`")
    (tmp_path / "commissioning.pub").write_bytes(gateway.with_name("commissioning.pub").read_bytes())
    succeed(*shlex.split(advised[1])[1:])
    monkeypatch.chdir(gateway.parent)
    (gateway.parent / "nodes.cose").write_bytes((tmp_path / "nodes.cose").read_bytes())
    succeed(*shlex.split(advised[3])[1:], "--vault-key", vault / "vault.pub", "--yes")
    root = derive_root((tmp_path / "n" / "key.bin").read_bytes(), 3)
    assert [(n.generation, n.root) for n in registered(gateway)] == [(3, root)]
    assert root.hex() not in (tmp_path / "nodes.cose").read_bytes().hex()
    assert "vault roots" not in output + succeed("node", "move", "--help") + succeed(
        "node", "move", "--help", "--lang", "it"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [("a=2027-06-30", "2027-06-30"), ("a=07:30:00", "07:30:00"), ("a=2", 2), ("a=true", True), ('a="x"', "x")],
)
def test_a_date_given_with_set_is_text(text: str, value: object) -> None:
    """An expiry is typed as a date and meant as text; other values are as in TOML."""
    assert parse_setting(text) == ("a", value)
