# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The gateway's settings: `gateway.toml` as types. Every mistake names the file, the key and what to write."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from gateway_agent.errors import ConfigError

GATEWAY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")

Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Name = Annotated[str, msgspec.Meta(min_length=1)]


class GatewaySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who this gateway is.

    id: 1 to 32 of a-z 0-9 -, the name in topics and in every signature.
    key: PEM file with its Ed25519 signing key, mode 0600.
    data: folder with the registry and the journal.
    operators: folder with the public keys of those who may command this gateway from the city; none: nobody may.
    old_generation_days: how long a node's backlog under an older key generation still counts, once it has moved to
    another; 0 ends it at once, and costs what the node had not delivered yet.
    """

    id: str
    key: Name = "gateway.pem"
    data: Name = "data"
    operators: Name = "operators"
    old_generation_days: Annotated[int, msgspec.Meta(ge=0, le=365)] = 7


class BrokerSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A broker. Paths are relative to the configuration file.

    tls_ca: PEM file of the authority that signed the broker's certificate; setting it turns TLS on.
    tls_cert, tls_key: our own certificate and key (mutual TLS); both or none.
    keepalive_s: a dead connection is noticed within one and a half of it.
    """

    host: Name = "127.0.0.1"
    port: Port = 1883
    username: str = ""
    password_file: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    keepalive_s: Annotated[int, msgspec.Meta(ge=5, le=3_600)] = 30


class CityBrokerSection(BrokerSection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The city's broker.

    collector_key: PEM public key of the collector; its receipts alone allow a batch to be deleted. delivery:
    "receipt" (the promise holds to the collector) or "broker" (only to the broker; a collector whose key is here may still
    ask for what the broker has lost).
    in_flight: batches that may wait for the broker's PUBACK at once. drain_bytes_per_s: how fast a backlog may leave;
    alarms do not count.
    """

    collector_key: str = ""
    delivery: Literal["receipt", "broker"] = "receipt"
    in_flight: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 20
    drain_bytes_per_s: Annotated[int, msgspec.Meta(ge=4_096, le=1_000_000_000)] = 262_144


class JournalSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The journal's room.

    bytes_max: how much of the disk it may take; what is receipted is deleted when room is needed.
    segment_bytes: size of one file; smaller ones free room sooner and cost more directory syncs.
    """

    bytes_max: Annotated[int, msgspec.Meta(ge=131_072)] = 536_870_912
    segment_bytes: Annotated[int, msgspec.Meta(ge=16_384)] = 1_048_576


class SealSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When readings become batches.

    wait_s_max: the longest that a reading waits to be sealed, whatever its profile allows. Less shows the city
    readings sooner, and costs a sync of the disk each time; the profiles' own deadlines are made for an SD card.
    """

    wait_s_max: Annotated[int, msgspec.Meta(ge=0, le=3_600)] = 3_600


class ProfilesSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """folder: a city's own device profiles, beside the shipped ones; "" for none."""

    folder: str = ""


class ClockSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """trust: "auto" asks the kernel whether something disciplines the clock; "always" and "never" override it."""

    trust: Literal["auto", "always", "never"] = "auto"


class LogSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"] = "info"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    gateway: GatewaySection
    nodes_broker: BrokerSection = BrokerSection()
    city_broker: CityBrokerSection = CityBrokerSection()
    seal: SealSection = SealSection()
    journal: JournalSection = JournalSection()
    profiles: ProfilesSection = ProfilesSection()
    clock: ClockSection = ClockSection()
    log: LogSection = LogSection()


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file, with where it lies."""

    path: Path
    gateway: GatewaySection
    nodes_broker: BrokerSection
    city_broker: CityBrokerSection
    seal: SealSection
    journal: JournalSection
    profiles: ProfilesSection
    clock: ClockSection
    log: LogSection

    def beside(self, relative: str) -> Path:
        """A path of the file, taken relative to the file."""
        return self.path.parent / relative

    @property
    def data(self) -> Path:
        return self.beside(self.gateway.data)

    @property
    def profiles_folder(self) -> Path | None:
        """A city's own device profiles; None for none."""
        return self.beside(self.profiles.folder) if self.profiles.folder else None

    @property
    def storage_key(self) -> Path:
        """What the registry's roots are sealed with: beside the signing key, and so apart from the data."""
        return self.beside(self.gateway.key).with_name("storage.key")

    @property
    def commissioning_key(self) -> Path:
        """The X25519 key for which the vault seals roots."""
        return self.storage_key.with_name("commissioning.key")

    @property
    def vault_key(self) -> Path:
        """The public keys of the one vault whose files this gateway takes."""
        return self.storage_key.with_name("vault.pub")


def load_config(path: Path) -> Config:
    """Read and check `gateway.toml`.

    Raises:
        ConfigError: with the file, the key and what to write.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist: make one with `startcity gateway init`") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return parse_config(text, path)


def parse_config(text: str, path: Path) -> Config:
    """`load_config` without the disk. Pure."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    _check_keys(tree, path)
    try:
        file = msgspec.convert(tree, _File)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_say(str(error))}") from error
    if not GATEWAY_ID.fullmatch(file.gateway.id):
        raise ConfigError(
            f"{path}: [gateway] id is {file.gateway.id!r}: write 1 to 32 characters of a-z 0-9 -, first a letter or digit"
        )
    for word, broker in (("nodes_broker", file.nodes_broker), ("city_broker", file.city_broker)):
        if bool(broker.tls_cert) != bool(broker.tls_key):
            raise ConfigError(f"{path}: [{word}] has only one of tls_cert and tls_key: write both, or none")
        if broker.tls_cert and not broker.tls_ca:
            raise ConfigError(
                f"{path}: [{word}] has tls_cert but no tls_ca: write the authority of the broker's certificate"
            )
    if file.city_broker.delivery == "receipt" and not file.city_broker.collector_key:
        raise ConfigError(
            f'{path}: [city_broker] has no collector_key: write the file of the collector\'s public key, or delivery = "broker"'
            " where there is no collector"
        )
    if file.journal.segment_bytes * 8 > file.journal.bytes_max:
        raise ConfigError(
            f"{path}: [journal] segment_bytes must be at most an eighth of bytes_max: write "
            f"{file.journal.bytes_max // 8} or less, or bytes_max = {file.journal.segment_bytes * 8} or more"
        )
    return Config(path=path, **{name: getattr(file, name) for name in _File.__struct_fields__})


def _check_keys(tree: dict[str, Any], path: Path) -> None:
    """Unknown sections and keys, with the nearest known one."""
    sections = {item.name: item.type for item in msgspec.structs.fields(_File)}
    for section, content in tree.items():
        if section not in sections:
            raise ConfigError(f"{path}: unknown section [{section}]{_nearest(section, sections)}")
        if not isinstance(content, dict):
            raise ConfigError(f"{path}: {section} must be a section: write [{section}] and its keys below")
        known = [item.name for item in msgspec.structs.fields(sections[section])]
        for key in content:
            if key not in known:
                raise ConfigError(f"{path}: unknown key `{key}` in [{section}]{_nearest(key, known)}")


def _nearest(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean `{near[0]}`?" if near else f"; known: {', '.join(known)}"


def _say(message: str) -> str:
    """msgspec's words with the key first: `[journal] bytes_max: expected int, got str`."""
    problem, _, place = message.partition(" - at `$")
    missing = re.match(r"Object missing required field `(\w+)`", problem)
    section, _, key = place.rstrip("`").lstrip(".").partition(".")
    if missing and not section:
        return f"section [{missing[1]}] is missing"
    if missing:
        return f"[{section}] {missing[1]} is missing"
    said = f"[{section}] {key}: {problem[:1].lower()}{problem[1:].replace('`', '')}"
    allowed = _allowed(section, key)
    if allowed:
        return f"{said}; write one of {', '.join(allowed)}"
    if problem.startswith("Expected `int`"):
        return f"{said}; write the number without quotes"
    return said


def _allowed(section: str, key: str) -> list[str]:
    """The words that a key may have, quoted as TOML wants them; empty where it is no choice."""
    types = {item.name: item.type for item in msgspec.structs.fields(_File)}
    if section not in types:
        return []
    found = {item.name: item.type for item in msgspec.structs.fields(types[section])}.get(key)
    return [f'"{word}"' for word in get_args(found)] if get_origin(found) is Literal else []
