# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity provision --port`: what is done over the cable before the node is met over Wi-Fi."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import rich_click as click

from device_profiles import Profile
from gateway_agent.errors import ConfigError
from gateway_agent.model import NodeId
from startcity.flash_page import said_of
from startcity.provision_voice import Voice
from startcity.secrets_in import read_password
from startcity.words import say
from tools.advice import NamedAdvice
from tools.flash.flash_fault import FlashFault
from tools.flash.ports import absolute, is_allowed_url, is_url
from tools.node_files import Broker, Wifi, node_config
from tools.provision import cable
from tools.provision.board_program import BoardReport, Heard, misfit

BAD_PORT, NO_PROMPT, WRONG_BOARD, NOT_WRITTEN, NOT_STARTED, NOT_CONNECTED = 16, 17, 18, 19, 23, 24
_START_S, _URL_START_S = 90, 150
T = TypeVar("T")


class Network(NamedTuple):
    """The options that need the cable; None and False: not given."""

    wifi_ssid: str | None
    wifi_password_file: Path | None
    open_network: bool
    mqtt_host: str | None
    mqtt_port: int | None
    mqtt_user: str | None
    mqtt_password_file: Path | None

    @property
    def is_empty(self) -> bool:
        return not any(self)

    def changes(self, profile: Profile) -> dict[str, Any]:
        """Entries of config.json, with passwords in them: asked for here, and kept nowhere.

        Raises: ConfigError: a password is missing, or no access point would accept it.
        """
        if self.wifi_ssid is None and (self.wifi_password_file is not None or self.open_network):
            raise ConfigError(say("Give --wifi-ssid: whose password is it?"))
        if self.mqtt_user is None and self.mqtt_password_file is not None:
            raise ConfigError(say("Give --mqtt-user: whose password is it?"))
        found: dict[str, Any] = {}
        if self.wifi_ssid is not None:
            broker = Broker("-", 1883, None, None)
            made = node_config(NodeId(bytes(6)), profile, {}, self._wifi(self.wifi_ssid), broker, 0, "info")
            found = {"wifi": made["wifi"], "open_networks": made["open_networks"]}
        mqtt: dict[str, Any] = {"host": self.mqtt_host, "port": self.mqtt_port, "user": self.mqtt_user}
        if self.mqtt_user is not None:
            mqtt["password"] = read_password(self.mqtt_password_file, "STARTCITY_MQTT_PASSWORD", None)
        mqtt = {name: value for name, value in mqtt.items() if value is not None}
        return {**found, "mqtt": mqtt} if mqtt else found

    def _wifi(self, ssid: str) -> Wifi:
        if self.open_network:
            return Wifi(ssid, None)
        prompt = say("Password of the Wi-Fi network {ssid}", ssid=ssid)
        password = read_password(self.wifi_password_file, "STARTCITY_WIFI_PASSWORD", prompt)
        if password is None:
            raise ConfigError(
                say(
                    "The Wi-Fi network {ssid} needs a password: --wifi-password-file, STARTCITY_WIFI_PASSWORD, or a terminal "
                    "to type it. If it has none, say --open-network.",
                    ssid=ssid,
                )
            )
        return Wifi(ssid, password)


class Cable:
    """The port of one node. However it is left, a program that was stopped is started again."""

    def __init__(self, port: str, voice: Voice) -> None:
        """Raises: ConfigError: it is no name of a port."""
        if is_url(port) and not is_allowed_url(port):
            raise ConfigError(say("{port}: a port is a path, rfc2217://HOST:PORT or socket://HOST:PORT.", port=port))
        self.port = absolute(port)
        self._voice = voice
        self._is_stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_stopped:
            asyncio.run(cable.restart(self.port))

    def look(self, generations: Collection[int]) -> BoardReport:
        """Who it is. Raises: NamedAdvice: it does not answer, or is no node yet."""
        self._voice.words(say("Asking the board on {port}.", port=self.port))
        board = self._run(cable.look(self.port, generations))
        if board.missing or not board.node:
            template = "{name}: the board on {port} is no node yet ({reason}): make it one with `startcity flash`."
            raise NamedAdvice(
                "NotANode", WRONG_BOARD, template, name="NotANode", port=self.port, reason=", ".join(board.missing)
            )
        self._voice.event(
            "board", node=board.node, profile=board.profile, firmware=board.firmware, port=self.port,
            networks=list(board.networks), mqtt_host=board.host, mqtt_port=board.port,
        )  # fmt: skip
        self._voice.words(
            say(
                "It is node {node}, profile {profile}, firmware {firmware}; Wi-Fi {networks}, gateway {host}:{port}.",
                node=board.node, profile=board.profile, firmware=board.firmware,
                networks=", ".join(board.networks) or "-", host=board.host, port=board.port,
            )
        )  # fmt: skip
        return board

    def write(self, changes: Mapping[str, Any]) -> str:
        """Returns "same" or "written". Raises: NamedAdvice: it was not written; the old configuration is there."""
        if not changes:
            return "same"
        done = self._run(cable.write(self.port, changes))
        if done.state == "refused":
            template = "{name}: the board has not taken the configuration and keeps its old one ({reason})."
            raise NamedAdvice("NotWritten", NOT_WRITTEN, template, name="NotWritten", reason=done.reason)
        self._voice.event("configuration", state=done.state)
        self._voice.words(say("Written.") if done.state == "written" else say("It has all that already."))
        return done.state

    def start(self, node: str) -> None:
        """Reset it and follow its start. Raises: NamedAdvice: it stopped, is in safe mode, or did not reach its broker."""
        heard: dict[Heard, str] = {}

        def told(what: Heard, text: str) -> None:
            heard[what] = text
            self._voice.event("console", means=what.value, text=text)

        limit_s = _URL_START_S if is_url(self.port) else _START_S
        end = self._run(cable.start(self.port, limit_s, told))
        self._is_stopped = False
        if end is Heard.STOPPED:
            template = "{name}: node {node} does not start: {reason}."
            raise NamedAdvice(
                "NotStarted", NOT_STARTED, template, name="NotStarted", node=node, reason=heard[Heard.STOPPED]
            )
        if end is Heard.SAFE:
            raise safe_mode(node)
        reason = heard.get(Heard.TROUBLE) or heard.get(Heard.JOINING)
        if end is None and reason:
            template = "{name}: node {node} has not reached its gateway's broker: {reason}. Correct it with --wifi-ssid or --mqtt-host."
            raise NamedAdvice("NotConnected", NOT_CONNECTED, template, name="NotConnected", node=node, reason=reason)
        if end is None:
            self._voice.words(say("Its console said nothing: whether it runs, Wi-Fi will tell."))

    def restart(self) -> None:
        """Once more; a port that is not there any more is no fault: the node may be on its way to its place."""
        asyncio.run(cable.restart(self.port))
        self._is_stopped = False

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        self._is_stopped = True
        try:
            return asyncio.run(work)
        except FlashFault as fault:
            self._is_stopped = fault.name not in ("port_missing", "port_denied", "port_busy", "port_lost", "no_tool")
            exit_code = NO_PROMPT if fault.name == "no_prompt" else BAD_PORT
            raise NamedAdvice(fault.name, exit_code, "{said}", said=" ".join(said_of(fault))) from fault


def safe_mode(node: str) -> NamedAdvice:
    """What is said of a node that runs without its application: it is not in service."""
    template = (
        "{name}: node {node} is in safe mode: it runs without its application, because its last starts have failed. Its readings "
        "`crash` and `fault` say why. Repair it, try it with `startcity node command {node} reboot`, and call this again."
    )
    return NamedAdvice("SafeMode", NOT_STARTED, template, name="SafeMode", node=node)


def check_board(board: BoardReport, node: str, profile: str, roots: Mapping[int, bytes]) -> None:
    """Raises: NamedAdvice: it is another one than the label, the file or the command line names."""
    match misfit(board, node, profile, roots):
        case "node":
            template = "{name}: node {found} is on the cable, not {node}."
        case "profile":
            template = (
                "{name}: the board's profile is {profile}, not the one of the label or the file: it was flashed anew since. Take its new "
                "label, or a new file of the vault."
            )
        case "key":
            template = "{name}: node {node} has another key than the label or the file: it was flashed anew since. Take its new label."
        case _:
            return
    values = {"found": board.node, "node": node, "profile": board.profile}
    raise NamedAdvice("WrongBoard", WRONG_BOARD, template, name="WrongBoard", **values)


def check_generation(board: BoardReport, heard: int) -> None:
    """`heard`: under which generation the gateway has heard the node. Raises: NamedAdvice: it refuses what the board would say."""
    if board.generation < heard:
        template = (
            "{name}: node {node} was erased since it moved to key generation {heard}: the gateway hears nothing of it under {generation}. "
            "Prepare it with `startcity node add {node} --generation {heard}`."
        )
        values = {"node": board.node, "heard": heard, "generation": board.generation}
        raise NamedAdvice("Erased", WRONG_BOARD, template, name="Erased", **values)


def check_options(network: Network, port: str | None) -> None:
    """Raises: click.UsageError: an option needs the cable."""
    if port is None and not network.is_empty:
        raise click.UsageError(say("--wifi-* and --mqtt-* change a node on a cable: give --port."))
