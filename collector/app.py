# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The collector on one page: broker -> inbox -> intake (archive, store) -> receipts -> broker."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from collector.archive import Archive
from collector.archive_reading import ArchiveReader
from collector.catch_up import CatchUp
from collector.config import Config, load_config
from collector.inbox import Inbox
from collector.intake import Intake, Outgoing
from collector.mqtt_feed import MqttFeed
from collector.ranges import Ranges
from collector.read_again import ReadAgain
from collector.sqlite_store import Store
from device_profiles import Profile, ProfileError, load_city_profiles
from gateway_agent.errors import ConfigError, Unavailable

LOG = logging.getLogger("startcity.collector")
TICK_S = 1.0
RETRY_S_MIN = 0.5
RETRY_S_MAX = 30.0


async def run_collector(config: Config) -> None:
    """Run until cancelled.

    Raises:
        ConfigError: a key, the database or a profile is not as it should be; before anything is connected.
    """
    signer, gateway_keys, ranges = (
        config.load_signer(),
        config.load_gateway_keys(),
        Ranges(_profiles(config), config.node_profiles),
    )
    feed = MqttFeed(config.broker, config.load_password(), config.tls_context())
    archive = Archive(config.archive)  # first, for its lock
    store = Store(config.database, ranges)
    intake = Intake(store, archive, signer, gateway_keys, config.overdue_s * 1000)
    inbox = Inbox()

    def send(receipts: list[Outgoing]) -> None:
        for receipt in receipts:
            feed.publish(receipt.topic, receipt.payload, receipt.lane_key)

    retry_s = RETRY_S_MIN
    _notify("READY=1")
    connection: asyncio.Task[None] | None = None
    try:
        reader = ArchiveReader(config.archive)
        steps = CatchUp(store, reader, intake, gateway_keys).run(_wall_ms())
        while await asyncio.to_thread(_take_step, steps):
            _notify("WATCHDOG=1")
        again = ReadAgain(store, reader, intake)
        connection = asyncio.create_task(feed.run(inbox.put, lambda: send(intake.standing())))
        while not connection.done():
            group = await inbox.take(0 if again.is_due(_monotonic_ms()) else TICK_S)
            try:
                send(await asyncio.to_thread(intake.take, group, _monotonic_ms(), _wall_ms(), inbox.take_refused()))
                if again.is_due(_monotonic_ms()):
                    await asyncio.to_thread(again.step, _monotonic_ms(), _wall_ms())
                retry_s = RETRY_S_MIN
                _notify("WATCHDOG=1")
            except Unavailable as error:
                # The group is forgotten on purpose: no receipt went out, so the gateways still have it.
                LOG.error("%s; nothing is receipted, next try in %.1f s", error, retry_s)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_S_MAX)
        connection.result()
    finally:
        _notify("STOPPING=1")
        if connection is not None:
            connection.cancel()
            await asyncio.gather(connection, return_exceptions=True)
        archive.close()
        store.close()


def _take_step(steps: Iterator[None]) -> bool:
    """False once there is no further one."""
    return next(steps, steps) is None


def run(config_path: Path) -> None:
    """`startcity collector run`: run until SIGTERM or Ctrl-C.

    Raises:
        ConfigError: something that a person has to put right.
    """
    config = load_config(config_path)
    os.umask(0o077)
    logging.basicConfig(level=config.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")

    async def until_told() -> None:
        task = asyncio.create_task(run_collector(config))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()

    asyncio.run(until_told())


def _profiles(config: Config) -> dict[str, Profile]:
    try:
        return load_city_profiles(config.profiles_folder)
    except ProfileError as error:
        raise ConfigError(str(error)) from error


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _notify(state: str) -> None:
    """Tell systemd, where it listens. The watchdog is fed only here: after a group went all the way, or there was none."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        try:
            notify.connect("\0" + address[1:] if address.startswith("@") else address)
            notify.send(state.encode())
        except OSError:
            pass  # a service manager that went away is not our trouble
