# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The amqtt broker as a program: `python -m simulators.embedded_broker PORT`. For machines without mosquitto."""

from __future__ import annotations

import asyncio
import sys
import warnings


async def _serve(port: int) -> None:
    from amqtt.broker import Broker  # noqa: PLC0415  (half a second of imports that only this process needs)

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 200}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    asyncio.run(_serve(int(sys.argv[1])))
