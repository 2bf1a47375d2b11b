# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Configuration mistakes: each is refused with the file, the key and what to write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway_agent.config import load_config, parse_config
from gateway_agent.errors import ConfigError

PATH = Path("/etc/startcity/gateway.toml")
GOOD = '[gateway]\nid = "piacenza-01"\n[city_broker]\ncollector_key = "collector.pub.pem"\n'


def test_a_short_file_has_defaults_for_the_rest() -> None:
    """Only the id and the collector's key have to be said; paths are taken relative to the file."""
    config = parse_config(GOOD, PATH)
    assert config.gateway.id == "piacenza-01"
    assert config.data == Path("/etc/startcity/data")
    assert config.beside(config.gateway.key) == Path("/etc/startcity/gateway.pem")
    assert (config.nodes_broker.port, config.city_broker.delivery) == (1883, "receipt")
    assert config.journal.bytes_max == 512 * 1024 * 1024


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(GOOD.replace("id =", "idd ="), ["unknown key `idd` in [gateway]", "`id`"], id="typo in a key"),
        pytest.param(GOOD + "[jornal]\n", ["unknown section [jornal]", "`journal`"], id="typo in a section"),
        pytest.param(GOOD + "[journal]\nxyzzy = 1\n", ["`xyzzy`", "known: bytes_max, segment_bytes"], id="no near key"),
        pytest.param(GOOD + '[journal]\nbytes_max = "1G"\n', ["[journal] bytes_max", "int"], id="wrong type"),
        pytest.param(GOOD + "[journal]\nbytes_max = 5\n", ["[journal] bytes_max", "131072"], id="too small"),
        pytest.param(GOOD + "[nodes_broker]\nport = 99999\n", ["[nodes_broker] port", "65535"], id="no such port"),
        pytest.param(GOOD + '[log]\nlevel = "loud"\n', ["[log] level", "loud"], id="not one of the words"),
        pytest.param("", ["section [gateway] is missing"], id="empty file"),
        pytest.param("[gateway]\n", ["[gateway] id is missing"], id="no id"),
        pytest.param(
            GOOD.replace("piacenza-01", "Piacenza 1"), ["id", "a-z 0-9 -"], id="an id with a capital and a space"
        ),
        pytest.param('[gateway]\nid = "a"\n', ["collector_key", 'delivery = "broker"'], id="no collector"),
        pytest.param("gateway = 1\n", ["write [gateway]"], id="a key instead of a section"),
        pytest.param("[gateway\n", ["not TOML", "line 1"], id="not TOML"),
        pytest.param(
            GOOD + '[nodes_broker]\ntls_cert = "a.pem"\n', ["only one of tls_cert and tls_key"], id="half a certificate"
        ),
        pytest.param(
            GOOD + "[journal]\nbytes_max = 1048576\nsegment_bytes = 1048576\n", ["at most an eighth"], id="few segments"
        ),
    ],
)
def test_a_mistake_names_file_key_and_remedy(text: str, words: list[str]) -> None:
    """Every mistake's message has the file's path, where it is, and what to write."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text, PATH)
    for word in [str(PATH), *words]:
        assert word in str(caught.value)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """No configuration: the message names the command that makes it."""
    with pytest.raises(ConfigError, match="startcity gateway init"):
        load_config(tmp_path / "gateway.toml")


def test_an_unreadable_file_is_a_config_error(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 do not end in a traceback."""
    path = tmp_path / "gateway.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('[gateway]\nid = "a"\n[city_broker]\ndelivery = "reciept"\n', 'write one of "receipt", "broker"'),
        ('[gateway]\nid = "a"\n[nodes_broker]\nport = "1883"\n', "write the number without quotes"),
        (
            '[gateway]\nid = "a"\n[city_broker]\ncollector_key = "c"\n[journal]\nbytes_max = 200000\nsegment_bytes = 100000\n',
            "write 25000 or less, or bytes_max = 800000 or more",
        ),
    ],
)
def test_a_wrong_value_says_what_to_write(text: str, advice: str) -> None:
    """A mistake names the key and the values that would do."""
    with pytest.raises(ConfigError, match=re.escape(advice)):
        parse_config(text, Path("gateway.toml"))
