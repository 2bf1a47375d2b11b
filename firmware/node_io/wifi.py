# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Joins the configured networks, strongest first, and says what happens.

A network without a password is joined only if `open_networks` names it, and a network that we know with a password
is not joined while it appears without one: whoever sets up an open copy of it gets nothing.
"""

import asyncio

import network

_JOIN_MS = 20_000
_POLL_MS = 200
_FAILURES_BEFORE_RESTART = 8
_OPEN = 0


def _reasons() -> dict:
    names = (
        ("STAT_WRONG_PASSWORD", "wrong password"),
        ("STAT_NO_AP_FOUND", "network not found"),
        ("STAT_HANDSHAKE_TIMEOUT", "no handshake: wrong password?"),
        ("STAT_ASSOC_FAIL", "refused by the access point"),
        ("STAT_BEACON_TIMEOUT", "signal lost"),
        ("STAT_CONNECTING", "no address in time"),
    )
    return {getattr(network, name): text for name, text in names if hasattr(network, name)}


class Wifi:
    def __init__(self, networks: list, open_networks: list, log) -> None:
        """`networks` are {"ssid", "password"}. `log(text)` prints one console line."""
        self._passwords = {entry["ssid"]: entry.get("password") or "" for entry in networks}
        for name in open_networks:
            self._passwords.setdefault(name, "")
        self._open_names = set(open_networks)
        self._log = log
        self._failures = 0
        self._wlan = network.WLAN(network.STA_IF)
        self._wlan.active(True)  # from now on the random numbers are the radio's noise

    def is_connected(self) -> bool:
        return self._wlan.isconnected()

    def rssi_dbm(self):
        """Signal strength, or None while there is none."""
        try:
            return self._wlan.status("rssi")
        except (OSError, ValueError):
            return None

    async def join(self) -> bool:
        """Try each network that is in reach once. True when one has given us an address."""
        if not self._passwords:
            self._log("no network is configured")
            return False
        try:
            self._wlan.disconnect()  # the port refuses to scan while it still tries
            self._wlan.config(reconnects=0)
            seen = self._wlan.scan()
        except (OSError, ValueError) as error:
            self._log("scan failed: %s" % error)
            seen = []
        for name in self._candidates(seen):
            if await self._join_one(name, self._passwords[name]):
                self._failures = 0
                return True
        self._failures += 1
        if self._failures % _FAILURES_BEFORE_RESTART == 0:
            self._log("restarting the radio")
            self._wlan.active(False)
            await asyncio.sleep_ms(500)
            self._wlan.active(True)
        return False

    def _candidates(self, seen: list) -> list:
        """Names to try in this order: those in reach, then those that may be hidden."""
        names: list = []
        refused: list = []
        for raw, _, _, _, security, _ in sorted(seen, key=lambda found: -found[3]):
            try:
                name = raw.decode()
            except UnicodeError:
                continue
            if name not in self._passwords or name in names:
                continue
            is_open = security == _OPEN
            if is_open and name not in self._open_names:
                refused.append(name)
                self._log("%s is an open network here: not joined, open_networks does not name it" % name)
            elif is_open == (not self._passwords[name]):
                names.append(name)
        for name in self._passwords:
            # Hidden, or the scan failed. An open one only if it is named; `refused` appeared open, though we know a password.
            if name not in names and name not in refused and (self._passwords[name] or name in self._open_names):
                names.append(name)
        return names

    async def _join_one(self, name: str, password: str) -> bool:
        self._log("joining %s" % name)
        try:
            if password:
                self._wlan.connect(name, password)
            else:
                self._wlan.connect(name)
        except OSError as error:
            self._log("%s: %s" % (name, error))
            return False
        for _ in range(_JOIN_MS // _POLL_MS):
            await asyncio.sleep_ms(_POLL_MS)
            if self._wlan.isconnected():
                self._log("joined %s, address %s, %s dBm" % (name, self._wlan.ifconfig()[0], self.rssi_dbm()))
                return True
            if self._wlan.status() not in (network.STAT_CONNECTING, network.STAT_IDLE):
                break
        self._log("%s: %s" % (name, _reasons().get(self._wlan.status(), "status %s" % self._wlan.status())))
        try:
            self._wlan.disconnect()
        except OSError:
            pass  # it was not connected
        return False
