# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The connection of a node that sleeps: quick to begin, and with a session that the broker keeps.

*Wi-Fi.* A scan of all channels takes seconds, and a second of radio costs as much as five wakes. So the node goes straight to the
access point that it used last, and looks around only where that fails. An `"address"` beside the network in config.json
(`[address, mask, gateway, name server]`) spares asking for one; whoever gives it has to keep it free.

*MQTT.* The session is not a clean one and the subscription has QoS 1: what the gateway answers after we have gone to sleep
waits at the broker, and comes with the next connection. Nothing may rest on it: a broker that has forgotten costs a repetition.
"""

import asyncio

import network

from micropython import const

from node_io import borrowed
from node_io.mqtt_client import MqttClient, packet_of

_JOIN_MS = const(6000)
_POLL_MS = const(20)
_WEAK_DBM = const(8)


class BriefMqtt(MqttClient):
    session_flags = 0
    watch_ms = 20

    async def _read(self, topic: str, on_message) -> None:
        wanted = topic.encode()
        while True:
            kind, body = await self.read_packet()
            if kind == 0x40 and len(body) == 2:
                self._unconfirmed.pop(body[0] << 8 | body[1], None)
                self._room.set()
            elif kind & 0xF0 == 0x30 and len(body) >= 2:
                end = 2 + (body[0] << 8 | body[1])
                has_id = (kind >> 1 & 3) == 1
                if has_id:
                    await self.write(packet_of(0x40, body[end : end + 2]))
                if body[2:end] == wanted and not kind & 1:
                    on_message(body[end + 2 if has_id else end :])
            elif kind != 0xD0:
                raise self.garbage("a packet of kind %d" % kind)

    def look(self, now) -> None:
        """It is over before a broker that has gone silent could be noticed."""

    def is_confirmed(self) -> bool:
        """Whether the broker has everything that we have sent."""
        return not self._unconfirmed

    async def say_goodbye(self) -> None:
        await self.write(b"\xe0\x00")


async def join(config: dict, duty, log) -> bool:
    """Be connected to a network; `duty` remembers which. True when one has given us an address."""
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    if wlan.isconnected():
        return True  # since an earlier turn of this wake
    if duty.is_weak:
        wlan.config(txpower=_WEAK_DBM)
    networks = config["wifi"]
    if duty.network < len(networks):
        entry = networks[duty.network]
        if await _join_known(wlan, entry, duty.access_point):
            return True
        log("%s: not where it was" % entry["ssid"])
        wlan.active(False)
        duty.network = 255
        if entry.get("address"):
            _forget_address(wlan)
    from node_io import wifi_join
    from node_io.wifi import Wifi

    seen: list = []
    wifi = Wifi(networks, config.get("open_networks", []), log, _WEAK_DBM if duty.is_weak else None)
    is_joined = await wifi_join.join(wifi, seen)
    borrowed.forget("node_io.wifi_join")
    borrowed.forget("node_io.wifi")
    if not is_joined:
        return False
    name = wlan.config("ssid")
    strongest = [found[1] for found in sorted(seen, key=lambda found: -found[3]) if found[0] == name.encode()]
    for i in range(len(networks)):
        if networks[i]["ssid"] == name and strongest:
            duty.network = i
            duty.access_point = bytes(strongest[0])
    return True


async def _join_known(wlan, entry: dict, access_point: bytes) -> bool:
    """With a password of WPA's length the chip refuses an access point that has become an open one."""
    try:
        if entry.get("address"):
            wlan.ifconfig(tuple(entry["address"]))
        wlan.config(reconnects=0)
        if entry.get("password"):
            wlan.connect(entry["ssid"], entry["password"], bssid=access_point)
        else:
            wlan.connect(entry["ssid"], bssid=access_point)
    except (OSError, ValueError, TypeError, RuntimeError):
        return False
    for _ in range(_JOIN_MS // _POLL_MS):
        await asyncio.sleep_ms(_POLL_MS)
        status = wlan.status()  # first: it may be connected a moment later
        if wlan.isconnected():
            return True
        if status not in (network.STAT_CONNECTING, network.STAT_IDLE):
            return False
    return False


def _forget_address(wlan) -> None:
    """It was for that network: in another one an address is asked for."""
    try:
        wlan.ifconfig("dhcp")
    except (OSError, RuntimeError):
        pass  # none was set
