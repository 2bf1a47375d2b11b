# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The station interface, as the always awake part of the node sees it. How a network is joined is in wifi_join.py."""

import network

from node_io import borrowed


def say(text: str) -> None:
    """A console line. Here, because a function keeps the whole code of its module in memory, and that of equipment.py is to go."""
    print("net " + text)


class Wifi:
    def __init__(self, networks: list, open_networks: list, log, tx_dbm=None) -> None:
        """`networks` are {"ssid", "password"}. `log(text)` prints one console line. `tx_dbm` limits the power of transmission."""
        self.passwords = {entry["ssid"]: entry.get("password") or "" for entry in networks}
        for name in open_networks:
            self.passwords.setdefault(name, "")
        self.open_names = set(open_networks)
        self.log = log
        self.failures = 0
        self.wlan = network.WLAN(network.STA_IF)
        self._tx_dbm = tx_dbm
        self.switch_on()

    def switch_on(self) -> None:
        self.wlan.active(True)  # from now on the random numbers are the radio's noise
        if self._tx_dbm is not None:
            self.wlan.config(txpower=self._tx_dbm)
            self.log("sending with %d dBm at most" % self._tx_dbm)

    def is_connected(self) -> bool:
        return self.wlan.isconnected()

    def rssi_dbm(self):
        """Signal strength, or None while there is none."""
        try:
            return self.wlan.status("rssi")
        except (OSError, ValueError):
            return None

    async def join(self) -> bool:
        """Try each network that is in reach once. True when one has given us an address."""
        from node_io import wifi_join  # 2 kB that a connected node does not need

        try:
            return await wifi_join.join(self)
        finally:
            borrowed.forget("node_io.wifi_join")
