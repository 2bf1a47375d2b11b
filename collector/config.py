# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The collector's settings: collector.toml, typed. Every mistake is a `ConfigError` that says what to write.

Paths are relative to the file. Secrets stay in files of their own, which only their owner may read.
"""

from __future__ import annotations

import difflib
import re
import ssl
import stat
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import ConfigError
from gateway_agent.wire.signer import Signer, load_public, load_signer


class CollectorSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[collector]`: who signs the receipts, and where everything is kept."""

    key: str = "collector.pem"
    data: str = "data"  # holds collector.sqlite and archive/
    # A lane whose signed state names a number that we still lack after this long is shown as cut off.
    overdue_s: int = 60


class BrokerSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[broker]`: the city's MQTT broker."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password_file: str | None = None
    tls: bool = False
    tls_ca: str | None = None  # a CA bundle of one's own; None trusts the system's
    tls_certificate: str | None = None
    tls_key: str | None = None
    client_id: str = "startcity-collector"


class GatewaySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[gateway]]`: one gateway that we listen to."""

    id: str
    key: str


class NodeSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[node]]`: optional; names a node's profile, so that its own limits are checked and not all profiles' widest."""

    id: str
    profile: str


class ProfilesSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[profiles]`: the folder of a city's own device profiles, beside the shipped ones; empty for none."""

    folder: str = ""


class LogSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[log]`"""

    level: str = "info"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    collector: CollectorSection = msgspec.field(default_factory=CollectorSection)
    broker: BrokerSection = msgspec.field(default_factory=BrokerSection)
    gateway: list[GatewaySection] = []
    node: list[NodeSection] = []
    profiles: ProfilesSection = msgspec.field(default_factory=ProfilesSection)
    log: LogSection = msgspec.field(default_factory=LogSection)


_GATEWAY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LISTS: dict[str, type[msgspec.Struct]] = {"gateway": GatewaySection, "node": NodeSection}
_SECTIONS: dict[str, type[msgspec.Struct]] = {
    "collector": CollectorSection, "broker": BrokerSection, "profiles": ProfilesSection, "log": LogSection,
}  # fmt: skip


class Config:
    """What collector.toml says, checked. `repr` shows the path only."""

    def __init__(self, path: Path, file: _File) -> None:
        self.path = path
        self.folder = path.parent
        self.broker = file.broker
        self.overdue_s = file.collector.overdue_s
        self.data = self.folder / file.collector.data
        self.database = self.data / "collector.sqlite"
        self.archive = self.data / "archive"
        self.key_path = self.folder / file.collector.key
        self.gateway_keys = {item.id: self.folder / item.key for item in file.gateway}
        self.node_profiles = {bytes.fromhex(item.id): item.profile for item in file.node}
        self.profiles_folder = self.folder / file.profiles.folder if file.profiles.folder else None
        self.log_level = file.log.level

    def __repr__(self) -> str:
        return f"Config({str(self.path)!r})"

    def load_signer(self) -> Signer:
        """The key that receipts are signed with."""
        try:
            return load_signer(self.key_path)
        except ConfigError as error:
            advice = (
                ""
                if "chmod" in str(error)
                else (
                    "; put the collector's key there (mode 0600), or write where it lies."
                    " A new one is made by: startcity collector init --dir NEW (then give every gateway its collector.pub.pem)"
                )
            )
            raise ConfigError(f"{self.path}: [collector] key: {error}{advice}") from error

    def load_gateway_keys(self) -> dict[str, Ed25519PublicKey]:
        """The public key of each gateway that is listened to."""
        keys = {}
        for gateway_id, path in self.gateway_keys.items():
            try:
                keys[gateway_id] = load_public(path)
            except ConfigError as error:
                raise ConfigError(
                    f"{self.path}: [[gateway]] {gateway_id} key: {error};"
                    f" copy the gateway's gateway.pub.pem to {path}, or write where it lies"
                ) from error
        return keys

    def load_password(self) -> str | None:
        """The broker's password, if one is configured. Refuses a file that others can read."""
        if self.broker.password_file is None:
            return None
        path = self.folder / self.broker.password_file
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"{self.path}: [broker] password_file: {path}: {error.strerror}; write the password into it"
            ) from error
        if stat.S_IMODE(mode) & 0o077:
            raise ConfigError(f"{self.path}: [broker] password_file: others can read {path}; run: chmod 600 {path}")
        return text.strip()

    def tls_context(self) -> ssl.SSLContext | None:
        """None without TLS."""
        if not self.broker.tls:
            return None
        try:
            context = ssl.create_default_context(
                cafile=None if self.broker.tls_ca is None else str(self.folder / self.broker.tls_ca)
            )
            if self.broker.tls_certificate is not None:
                key = None if self.broker.tls_key is None else str(self.folder / self.broker.tls_key)
                context.load_cert_chain(str(self.folder / self.broker.tls_certificate), key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"{self.path}: [broker] tls_ca, tls_certificate or tls_key: {error}; name PEM files"
            ) from error
        return context


def load_config(path: Path) -> Config:
    """Read and check collector.toml. Opens no key and no database.

    Raises:
        ConfigError: with the file, the key, and what to write.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}; make one with: startcity collector init --dir {path.parent}"
        ) from error
    try:
        table = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    _check_names(path, table)
    try:
        file = msgspec.convert(table, _File)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_in_words(str(error))}") from error
    _check(path, file)
    return Config(path, file)


def check_gateway_id(gateway_id: str) -> str | None:
    """None if it may be one, else what is wrong with it and what to write."""
    if _GATEWAY_ID.fullmatch(gateway_id):
        return None
    return f"{gateway_id!r}; write 1 to 32 of a-z 0-9 -, first a letter or digit"


def _check_names(path: Path, table: dict[str, Any]) -> None:
    """Sections and keys that nobody knows, with the nearest known one."""
    sections = _File.__struct_fields__
    for section, content in table.items():
        if section not in sections:
            known = [_brackets(name) for name in sections]
            if not isinstance(content, dict | list):
                owners = [name for name in sections if section in _keys_of(name)]
                where = f"; it belongs below {_brackets(owners[0])}" if owners else _nearest(section, known)
                raise ConfigError(f"{path}: `{section}` stands in no section{where}")
            raise ConfigError(f"{path}: unknown section [{section}]{_nearest(section, known)}")
        is_list = section in _LISTS
        if not isinstance(content, list if is_list else dict):
            raise ConfigError(f"{path}: {section}: write {_brackets(section)} on a line, and its keys below")
        for place, block in enumerate(content if is_list else [content]):
            if not isinstance(block, dict):
                raise ConfigError(f"{path}: {section}: write {_brackets(section)} on a line, and its keys below")
            for key in block:
                if key not in _keys_of(section):
                    where = _place(section, place)
                    raise ConfigError(f"{path}: {where}: unknown key `{key}`{_nearest(key, _keys_of(section))}")


def _keys_of(section: str) -> tuple[str, ...]:
    return _LISTS[section].__struct_fields__ if section in _LISTS else _SECTIONS[section].__struct_fields__


def _brackets(section: str) -> str:
    return f"[[{section}]]" if section in _LISTS else f"[{section}]"


def _place(section: str, place: int) -> str:
    """As a person finds it in the file: the blocks of a list are counted from 1."""
    return f"[[{section}]] number {place + 1}" if section in _LISTS else f"[{section}]"


def _nearest(word: str, known: Iterable[str]) -> str:
    names = {name.strip("[]"): name for name in known}
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"; did you mean `{names[near[0]]}`?" if near else f"; known: {', '.join(names.values())}"


_KINDS = {"int": "a whole number without quotes", "str": "text in quotes", "bool": "true or false"}


def _in_words(text: str) -> str:
    """msgspec's message with its place first: `[broker] port: ...`."""
    problem, _, place = text.partition(" - at `$")
    found = re.match(r"\.?(\w+)(?:\[(\d+|\.\.\.)\])?(?:\.(\w+))?", place)
    section, number, key = found.groups() if found else ("", None, None)
    where = _place(section, int(number or 0) if (number or "0").isdigit() else 0)
    missing = re.match(r"Object missing required field `(\w+)`", problem)
    if missing:
        return f'{where} has no `{missing[1]}`; add {missing[1]} = "..."'
    expected = re.match(r"Expected `(\w+)", problem)
    advice = f"; write {_KINDS[expected[1]]}" if expected and expected[1] in _KINDS else ""
    return f"{where} {key or ''}".rstrip() + f": {problem[:1].lower()}{problem[1:].replace('`', '')}{advice}"


def _check(path: Path, file: _File) -> None:
    if not file.gateway:
        raise ConfigError(f'{path}: [[gateway]]: none listed; add [[gateway]] with id = "..." and key = "....pub.pem"')
    seen: set[str] = set()
    for place, item in enumerate(file.gateway):
        where = _place("gateway", place)
        if (reason := check_gateway_id(item.id)) is not None:
            raise ConfigError(f"{path}: {where} id: {reason}")
        if item.id in seen:
            raise ConfigError(f"{path}: {where} id: {item.id!r} is listed twice; keep one")
        seen.add(item.id)
        if not item.key:
            raise ConfigError(f"{path}: {where} key: empty; write the file with the gateway's public key")
    for place, node in enumerate(file.node):
        if len(node.id) != 12 or set(node.id) - set("0123456789abcdef"):
            raise ConfigError(
                f"{path}: {_place('node', place)} id: {node.id!r}; write the 12 lower-case hex digits of the node's MAC"
            )
    for key in ("key", "data"):
        if not getattr(file.collector, key):
            raise ConfigError(f"{path}: [collector] {key}: empty; write a path, or take the line out")
    if not file.broker.host:
        raise ConfigError(f"{path}: [broker] host: empty; write the name or address of the city's broker")
    if not 1 <= file.broker.port <= 65535:
        raise ConfigError(f"{path}: [broker] port: {file.broker.port}; write 1 to 65535")
    if file.collector.overdue_s < 1:
        raise ConfigError(f"{path}: [collector] overdue_s: {file.collector.overdue_s}; write 1 or more seconds")
    if file.log.level not in ("debug", "info", "warning", "error"):
        raise ConfigError(f"{path}: [log] level: {file.log.level!r}; write debug, info, warning or error")
