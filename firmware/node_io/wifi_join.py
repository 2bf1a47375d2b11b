# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Joins the configured networks, strongest first, and says what happens.

A network without a password is joined only if `open_networks` names it, and a network that we know with a password
is not joined while it appears without one: whoever sets up an open copy of it gets nothing.

During a scan no handler of MicroPython's runs for two or three seconds, and pulses of a meter get lost. So while the
networks stay away most tries do without, where the chip itself refuses an open copy: it does where the password has
WPA's length (ESP-IDF's documentation, `wifi_sta_config_t`, threshold.authmode).
"""

import asyncio

import network

_JOIN_MS = 20_000
_UNSEEN_MS = 6000  # for a network that the scan did not see, where the port does not tell that it is not there
_UNKNOWN_MS = 12_000  # the same without a scan, or where it saw nothing at all
_POLL_MS = 200
_FAILURES_BEFORE_RESTART = 8
_SCAN_EACH = 8  # failures
_WPA_CHARS = 8
_OPEN = 0
_HANDSHAKE_4_WAY = 15  # IEEE 802.11's own reason, which the port passes on without a name of its own


async def join(wifi, found: list = None) -> bool:
    """Try each network that is in reach once. True when one has given us an address. `found` is filled with what a scan sees."""
    try:
        return await _join(wifi, [] if found is None else found)
    except RuntimeError as error:
        # So the port names what it has no word for, such as "Wifi Unknown Error 0x0101": no memory.
        wifi.log("the radio fails: %s" % error)
        await _count_failure(wifi)
        return False


async def _join(wifi, found: list) -> bool:
    if not wifi.passwords:
        wifi.log("no network is configured")
        return False
    scans = not wifi.failures % _SCAN_EACH or min([len(word) for word in wifi.passwords.values()]) < _WPA_CHARS
    seen: list = []
    try:
        wifi.wlan.disconnect()  # the port refuses to scan while it still tries
        wifi.wlan.config(reconnects=0)
        if scans:
            seen = wifi.wlan.scan()
    except (OSError, ValueError) as error:
        wifi.log("scan failed: %s" % error)
    found.extend(seen)
    in_reach = [entry[0] for entry in seen]
    unseen_ms = _UNSEEN_MS if seen else _UNKNOWN_MS
    for name in _candidates(wifi, seen):
        if await _join_one(wifi, name, wifi.passwords[name], _JOIN_MS if name.encode() in in_reach else unseen_ms):
            wifi.failures = 0
            return True
    await _count_failure(wifi)
    return False


async def _count_failure(wifi) -> None:
    wifi.failures += 1
    if wifi.failures % _FAILURES_BEFORE_RESTART == 0:
        wifi.log("restarting the radio")
        try:
            wifi.wlan.active(False)
            await asyncio.sleep_ms(500)
            wifi.switch_on()
        except RuntimeError as error:
            wifi.log("the radio fails: %s" % error)


def _candidates(wifi, seen: list) -> list:
    """Names to try in this order: those in reach, then those that may be hidden."""
    names: list = []
    refused: list = []
    for raw, _, _, _, security, _ in sorted(seen, key=lambda found: -found[3]):
        try:
            name = raw.decode()
        except UnicodeError:
            continue
        if name not in wifi.passwords or name in names:
            continue
        is_open = security == _OPEN
        if is_open and name not in wifi.open_names:
            refused.append(name)
            wifi.log("%s is an open network here: not joined, open_networks does not name it" % name)
        elif is_open == (not wifi.passwords[name]):
            names.append(name)
    for name in wifi.passwords:
        # Hidden, or the scan failed. An open one only if it is named; `refused` appeared open, though we know a password.
        if name not in names and name not in refused and (wifi.passwords[name] or name in wifi.open_names):
            names.append(name)
    return names


async def _join_one(wifi, name: str, password: str, stale_ms: int) -> bool:
    """The port shows why an earlier attempt failed until there is an address, even while this one is under way
    (MicroPython, ports/esp32/network_wlan.c). So what was said before ends this one only after `stale_ms`.
    """
    wifi.log("joining %s" % name)
    stale = wifi.wlan.status()
    try:
        if password:
            wifi.wlan.connect(name, password)
        else:
            wifi.wlan.connect(name)
    except OSError as error:
        wifi.log("%s: %s" % (name, error))
        return False
    for i in range(1, _JOIN_MS // _POLL_MS + 1):
        await asyncio.sleep_ms(_POLL_MS)
        status = wifi.wlan.status()  # first: it may be connected a moment later
        if wifi.wlan.isconnected():
            wifi.log("joined %s, address %s, %s dBm" % (name, wifi.wlan.ifconfig()[0], wifi.rssi_dbm()))
            return True
        if status == stale and i * _POLL_MS < stale_ms:
            continue
        stale = None
        if status not in (network.STAT_CONNECTING, network.STAT_IDLE):
            break
    wifi.log("%s: %s" % (name, _reasons().get(status, "status %s" % status)))
    try:
        wifi.wlan.disconnect()
    except OSError:
        pass  # it was not connected
    return False


def _reasons() -> dict:
    names = (
        ("STAT_WRONG_PASSWORD", "wrong password"),
        ("STAT_NO_AP_FOUND", "network not found"),
        ("STAT_HANDSHAKE_TIMEOUT", "no handshake: wrong password?"),
        ("STAT_ASSOC_FAIL", "refused by the access point"),
        ("STAT_BEACON_TIMEOUT", "signal lost"),
        ("STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY", "network not found with a security that we know"),
        ("STAT_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD", "network not found with a password"),
        ("STAT_CONNECTING", "no address in time"),
    )
    reasons = {getattr(network, name): text for name, text in names if hasattr(network, name)}
    reasons[_HANDSHAKE_4_WAY] = reasons.get(network.STAT_HANDSHAKE_TIMEOUT, "")
    return reasons
