# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A small city that stays: brokers, vault, gateway, collector, and one blank board on a virtual cable. For who tries the tools.

Everything lies in one folder and is started again as it was: keys, journal, archive, the board's flash. The vault's keeper is played
here: what a bench seals for the vault is taken in, and a commissioning file for the gateway is made anew. Somebody breathes on the
board's sensor now and then. Like all simulations this imports nothing of the gateway, and sets everything up with its commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from simulators.broker import Broker, BrokerError
from simulators.rom.board import DEFAULT_MAC, VirtualBoard
from simulators.rom.stand_in import stand_in
from simulators.standing_lock import MARK, is_running
from simulators.world.world import Message, World

GATEWAY = "piacenza-01"
OPTIONS = Path("startcity.toml")
_START_S, _STOP_S = 120.0, 30.0
_LOOK_S, _LOOK_FOLDER_S = 0.1, 1.0
_BREATH_MS = 12_000
_SETTINGS = """
[clock]
trust = "always"  # the node's clock is this machine's

[seal]
wait_s_max = 2  # somebody is watching
"""
_TEXT = """\
[city]
folder = "{folder}"

[flash]
port = "{folder}/board"
micropython = "{folder}/micropython.bin"
profile = "climate-sht4x"
set = ["interval_s=5"]
wifi-ssid = "city"
wifi-password-file = "{folder}/wifi.txt"
mqtt-host = "127.0.0.1"
mqtt-port = {nodes_port}
vault-key = "{folder}/vault/vault.pub"
journal = "{folder}/bench"

[provision]
config = "{folder}/gateway/gateway.toml"
port = "{folder}/board"
file = "{folder}/commissioning.cose"
label-file = "{folder}/bench/labels/{node}.txt"
name = "Air 1"
place = "A desk"
"""


class CityError(Exception):
    """It did not start, or cannot: the text says why and what to do."""


class Breath:
    """The air of a desk, and somebody's breath every few seconds."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self._told: int | None = None

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        turn = now_ms // _BREATH_MS % 2
        if turn != self._told:
            self._told = turn
            air = {
                "temperature_c": 21.5,
                "humidity_pct": 71.0 if turn else 48.0,
                "pressure_pa": 100_900,
                "light_lx": 300,
            }
            yield {"at_ms": now_ms, "set": air}


def state_of_board(folder: Path) -> Literal["blank", "flashed", "in service"]:
    """What was done with it already, as far as the files of bench and gateway say."""
    try:
        progress = json.loads((folder / "gateway" / "data" / "provision" / f"{DEFAULT_MAC}.json").read_bytes())
        if "retire" in progress["done"]:
            return "in service"
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not begun
    return "flashed" if (folder / "bench" / "labels" / f"{DEFAULT_MAC}.txt").exists() else "blank"


def start(folder: Path, broker: str | None) -> None:
    """Start it in a process of its own, and return when everything runs. Raises: CityError."""
    if OPTIONS.exists() and not OPTIONS.read_text(encoding="utf-8").startswith(MARK):
        raise CityError(f"{OPTIONS} is there already, and is yours: run this in another folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "ready").unlink(missing_ok=True)
    words = ["sim", "city", "--dir", str(folder), "--foreground", *(["--broker", broker] if broker else [])]
    with (folder / "city.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "startcity", *words],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    end_s = time.monotonic() + _START_S
    while not (folder / "ready").exists():
        if process.poll() is not None or time.monotonic() > end_s:
            process.terminate()
            raise CityError(f"the city did not start: {folder / 'city.log'} says why")
        time.sleep(_LOOK_S)


def stop(folder: Path) -> bool:
    """End it and wait until it has ended. False: it did not run. Raises: CityError."""
    pid = is_running(folder)
    if not pid:
        return False
    os.kill(pid, signal.SIGTERM)
    end_s = time.monotonic() + _STOP_S
    while is_running(folder):
        if time.monotonic() > end_s:
            raise CityError(f"process {pid} has not ended: look at {folder / 'city.log'}")
        time.sleep(_LOOK_S)
    return True


def serve(folder: Path, kind: Literal["mosquitto", "amqtt"] | None) -> None:
    """Be the city, until SIGTERM or SIGINT. Raises: CityError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CityError(f"a city runs in {folder} already") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            asyncio.run(_Standing(folder, kind).run())
        except BrokerError as error:
            raise CityError(str(error)) from error
        finally:
            (folder / "ready").unlink(missing_ok=True)


class _Standing:
    def __init__(self, folder: Path, kind: Literal["mosquitto", "amqtt"] | None) -> None:
        self._folder = folder
        self._brokers = [Broker(folder / "broker-nodes", kind), Broker(folder / "broker-city", kind)]
        self._ended = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._ended.set)
        self._same_ports()
        async with contextlib.AsyncExitStack() as stack:
            for broker in self._brokers:
                stack.callback(broker.stop)
                await asyncio.to_thread(broker.start)
            await self._set_up()
            for name in ("collector", "gateway"):
                config = self._folder / name / f"{name}.toml"
                process = await self._spawn(stack, name, "run", "--config", str(config))
            await self._until_said(process)
            sockets = stack.enter_context(tempfile.TemporaryDirectory(prefix="startcity-"))
            world = await stack.enter_async_context(World(Path(sockets) / "world.sock"))
            world.add(DEFAULT_MAC, Breath())
            board = VirtualBoard(self._folder / "board.flash", link=self._folder / "board", world_socket=world.path)
            await stack.enter_async_context(board)
            keeper = asyncio.create_task(self._keep_vault())
            stack.callback(keeper.cancel)
            watcher = asyncio.create_task(self._watch_folder())
            stack.callback(watcher.cancel)
            self._write_options()
            (self._folder / "ready").touch()
            print("the city runs", flush=True)
            await self._ended.wait()

    def _same_ports(self) -> None:
        """The configurations name them: what stands there is used again."""
        path = self._folder / "ports.json"
        if path.exists():
            for broker, port in zip(self._brokers, json.loads(path.read_bytes()), strict=True):
                broker.port = int(port)
        else:
            path.write_text(json.dumps([broker.port for broker in self._brokers]))

    async def _set_up(self) -> None:
        """Keys and configurations; what is there is kept."""
        folder, (nodes, city) = self._folder, self._brokers
        gateway, vault, collector = folder / "gateway", folder / "vault", folder / "collector"
        if (collector / "collector.toml").exists():
            return
        if not (vault / "vault.pub").exists():
            await self._command("vault", "init", str(vault))
        config = gateway / "gateway.toml"
        config.unlink(missing_ok=True)  # cut off in the middle, it is made again
        await self._command(
            "gateway", "init", "--id", GATEWAY, "--config", str(config), "--vault-key", str(vault / "vault.pub"),
            "--nodes-broker", f"127.0.0.1:{nodes.port}", "--city-broker", f"127.0.0.1:{city.port}",
        )  # fmt: skip
        with config.open("a", encoding="utf-8") as file:
            file.write(_SETTINGS)
        key = f"{GATEWAY}={gateway / 'gateway.pub.pem'}"
        words = ("--host", "127.0.0.1", "--port", str(city.port), "--gateway", key)
        await self._command("collector", "init", "--dir", str(collector), *words)
        (gateway / "collector.pub.pem").write_bytes((collector / "collector.pub.pem").read_bytes())
        (folder / "micropython.bin").write_bytes(stand_in("esp32"))
        password = folder / "wifi.txt"
        password.touch(0o600)
        password.write_text("simulated\n")

    def _write_options(self) -> None:
        text = _TEXT.format(folder=self._folder, nodes_port=self._brokers[0].port, node=DEFAULT_MAC)
        beside = OPTIONS.with_name(OPTIONS.name + ".new")
        beside.write_text(MARK + text, encoding="utf-8")
        beside.replace(OPTIONS)

    async def _keep_vault(self) -> None:
        """As the vault's keeper does with what comes from a bench."""
        masters, out = self._folder / "bench" / "masters.cose", self._folder / "commissioning.cose"
        vault, known = str(self._folder / "vault"), b""
        while True:
            found = masters.read_bytes() if masters.exists() else b""
            if found != known or (found and not out.exists()):
                beside = out.with_name(out.name + ".new")
                beside.unlink(missing_ok=True)
                public = str(self._folder / "gateway" / "commissioning.pub")
                try:
                    await self._command("vault", "import", str(masters), "--vault", vault)
                    words = ("--all", "--vault", vault, "--gateway", public, "--out", str(beside))
                    await self._command("vault", "commission", *words)
                    beside.replace(out)
                    print("the vault's keeper has made", out, flush=True)
                    known = found
                except CityError as error:  # such as a file that is half written
                    print("the vault's keeper:", error, flush=True)
                    await asyncio.sleep(1)
            await asyncio.sleep(_LOOK_S)

    async def _watch_folder(self) -> None:
        """A city whose folder was taken away could not be ended by who knows only the folder."""
        lock = self._folder / "lock"
        place = lock.stat().st_ino
        while not self._ended.is_set():
            await asyncio.sleep(_LOOK_FOLDER_S)
            try:
                is_there = lock.stat().st_ino == place
            except FileNotFoundError:
                is_there = False
            if not is_there:
                print(f"{self._folder} is gone: the city ends", flush=True)
                self._ended.set()

    async def _until_said(self, gateway: asyncio.subprocess.Process) -> None:
        """Until the gateway's status is of this process: before that its tools say that it does not run. Raises: CityError."""
        status = self._folder / "gateway" / "data" / "status.json"
        end_s = time.monotonic() + _START_S
        while not self._ended.is_set():
            with contextlib.suppress(OSError, ValueError):
                if json.loads(status.read_bytes()).get("pid") == gateway.pid:
                    return
            if gateway.returncode is not None or time.monotonic() > end_s:
                raise CityError(f"the gateway does not run: {self._folder / 'gateway.log'} says why")
            await asyncio.sleep(_LOOK_S)

    async def _spawn(self, stack: contextlib.AsyncExitStack, name: str, *words: str) -> asyncio.subprocess.Process:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "startcity", name, *words, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )  # fmt: skip
        stack.push_async_callback(_end, process)
        watcher = asyncio.create_task(self._watch(name, process))
        stack.callback(watcher.cancel)
        return process

    async def _watch(self, name: str, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        print(f"{name} has ended with exit code {code}: see {name}.log", flush=True)

    async def _command(self, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "startcity", *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "STARTCITY_LANG": "en"},
        )  # fmt: skip
        try:
            said, _ = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            raise CityError(f"startcity {' '.join(words[:2])}: {said.decode(errors='replace').strip()[-1000:]}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
