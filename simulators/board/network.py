# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`network` as the ESP32 port has it: one station interface whose air is the world's.

What surprises on the real port is kept (ports/esp32/network_wlan.c, 1.22 and newer): `connect` returns at once; by
default the port tries again for ever; `config(reconnects=n)` ends that, and the tries are counted from `connect` on, a
lost connection among them. Why the last try failed stays until an address is got: after "no such network" or "wrong
password" `status()` goes on saying so while the next `connect` is under way. While a try is under way settings are
refused, and a scan finds nothing.
"""

import machine as _machine
import power as _power
import simclock as _clock
import world as _world

STA_IF = 0
AP_IF = 1
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_BEACON_TIMEOUT = 200
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202
STAT_ASSOC_FAIL = 203
STAT_CONNECT_FAIL = 203
STAT_HANDSHAKE_TIMEOUT = 204
STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY = 210
STAT_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD = 211
STAT_NO_AP_FOUND_IN_RSSI_THRESHOLD = 212
AUTH_OPEN = 0
AUTH_WEP = 1
AUTH_WPA_PSK = 2
AUTH_WPA2_PSK = 3
AUTH_WPA_WPA2_PSK = 4
MODE_11B = 1
MODE_11G = 2
MODE_11N = 4
PHY_LAN8720 = 1

_TRY_MS = 2400  # one attempt that fails: a scan of all channels
# An address that is given instead of asked for saves this: 774 ms against 1,626 ms, measured on an ESP32 under MicroPython
# (glenn20/upy-esp32-experiments).
_DHCP_MS = 850
_SCAN_MS = 2200
_WPA_CHARS = 8
_ASSOC_LEAVE = 8  # why a connection ended that `disconnect` has ended
_STICKY = (201, 202, 210, 211, 212)  # reasons that `status` shows even while the next try is under way

_hostname = "mpy-esp32"
_country = "XX"
_state = None  # the station's


def hostname(name=None):
    global _hostname
    if name is None:
        return _hostname
    if len(name) > 32:
        raise ValueError("hostname too long")
    _hostname = name


def country(code=None):
    global _country
    if code is None:
        return _country
    if len(code) != 2:
        raise ValueError("country code must be 2 characters")
    _country = code


def _networks():
    if not _world.values["wifi"]:
        return []
    found = _world.values["networks"]
    if found is None:
        name = _state.ssid or "startcity"
        return [{"ssid": name, "password": None, "rssi": -61, "channel": 6}]
    return found


class _Station:
    """Association as a function of time and of what is on the air."""

    def __init__(self):
        self.is_active = False
        self.is_wanted = False
        self.is_connected = False
        self.ssid = ""
        self.password = ""
        self.reason = 0
        self.reconnects = 0  # 0: for ever
        self.attempts = 0
        self.event = None
        self.address = None  # (address, mask, gateway, name server) that was set by hand
        _world.watch(self._air_changed)

    def _offer(self):
        for offer in _networks():
            if offer["ssid"] == self.ssid:
                return offer
        return None

    def _air_changed(self):
        if self.is_connected and self._offer() is None:
            self.is_connected = False
            self.failed(STAT_BEACON_TIMEOUT)

    def failed(self, reason):
        """A try, or the connection, has ended: the port tries again where it may."""
        self.reason = reason
        self.attempts += 1
        if self.is_wanted and (not self.reconnects or self.attempts < self.reconnects):
            self.attempt()

    def attempt(self):
        self.forget_event()
        if _world.values["wifi_stuck"]:
            return
        offer = self._offer()
        duration_ms = _world.values["wifi_connect_ms"] if offer is not None else _TRY_MS
        if offer is not None and self.address is not None:
            duration_ms = max(duration_ms - _DHCP_MS, duration_ms // 3)
        self.event = _clock.at(_clock.now_us + int(duration_ms * 1000), self._finish)

    def forget_event(self):
        if self.event is not None:
            _clock.cancel(self.event)
            self.event = None

    def _finish(self, when_us):
        self.event = None
        offer = self._offer()
        if offer is None:
            self.failed(STAT_NO_AP_FOUND)
        elif offer.get("password") == "" and len(self.password) >= _WPA_CHARS:
            # The chip's own rule. With a shorter password it joins an open network.
            self.failed(STAT_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD)
        elif offer.get("password") and offer["password"] != self.password:
            self.failed(STAT_WRONG_PASSWORD)
        else:
            self.is_connected = True
            self.reason = 0

    def status(self):
        if self.is_connected:
            return STAT_GOT_IP
        if self.reason in _STICKY:
            return self.reason
        if self.reason == _ASSOC_LEAVE:
            return STAT_IDLE
        if self.is_wanted and (not self.reconnects or self.attempts < self.reconnects):
            return STAT_CONNECTING
        return self.reason or STAT_IDLE


_state = _Station()


def simulated_power_down():
    """For the simulation: deep sleep switches the radio off and forgets what it was told."""
    _state.is_active = _state.is_wanted = _state.is_connected = False
    _state.reason = _state.reconnects = _state.attempts = 0
    _state.ssid = _state.password = ""
    _state.address = None
    _state.forget_event()


def _link_is_up():
    return _state.is_connected


_clock.link_is_up = _link_is_up


class WLAN:
    IF_STA = STA_IF
    IF_AP = AP_IF
    SEC_OPEN = AUTH_OPEN
    SEC_WPA_WPA2 = AUTH_WPA_WPA2_PSK
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2

    def __init__(self, interface_id=STA_IF):
        if interface_id not in (STA_IF, AP_IF):
            raise ValueError("invalid WLAN interface identifier")
        self._is_station = interface_id == STA_IF
        self._is_ap_active = False
        self._settings = {"txpower": 20, "pm": WLAN.PM_PERFORMANCE, "protocol": 7}

    def _require_station(self):
        if not self._is_station:
            raise OSError("STA required")

    def active(self, is_active=None):
        if not self._is_station:
            if is_active is not None:
                self._is_ap_active = bool(is_active)
            return self._is_ap_active
        if is_active is not None:
            _clock.spend(1000)
            _state.is_active = bool(is_active)
            _power.radio(_state.is_active)
            if not is_active:
                self._leave()
        return _state.is_active

    def _leave(self):
        _state.is_wanted = False
        if _state.is_connected:
            _state.is_connected = False
            _state.reason = _ASSOC_LEAVE
        _state.forget_event()

    def connect(self, ssid=None, key=None, *, bssid=None):
        self._require_station()
        _clock.look()
        if not _state.is_active:
            raise OSError("Wifi Not Started")
        if _state.event is not None:
            raise OSError("Wifi Internal Error")  # ESP_ERR_WIFI_CONN: still connecting
        if ssid is not None:
            _state.ssid = ssid.decode() if isinstance(ssid, bytes) else ssid
            _state.password = (key.decode() if isinstance(key, bytes) else key) or ""
        _state.is_connected = False
        _state.is_wanted = True
        _state.attempts = 0
        _state.attempt()

    def disconnect(self):
        self._require_station()
        if not _state.is_active:
            raise OSError("Wifi Not Started")
        self._leave()

    def isconnected(self):
        _clock.look()
        return self._is_station and _state.is_connected

    def status(self, what=None):
        _clock.look()
        if what is None:
            return _state.status() if self._is_station else None
        if what == "rssi":
            self._require_station()
            offer = _state._offer() if _state.is_connected else None
            if offer is None:
                raise OSError("Wifi Not Connected")
            return offer.get("rssi", -61)
        raise ValueError("unknown status param")

    def scan(self):
        self._require_station()
        if not _state.is_active:
            raise OSError("STA must be active")
        if _state.event is not None:
            return []  # the chip refuses while it connects, and the port says nothing of that
        _clock.block(_SCAN_MS * 1000)
        found = []
        for index, offer in enumerate(_networks()):
            bssid = bytes((0x02, 0x5C, 0, 0, 0, index))
            security = AUTH_OPEN if offer.get("password") == "" else AUTH_WPA2_PSK
            found.append(
                (offer["ssid"].encode(), bssid, offer.get("channel", 6), offer.get("rssi", -61), security, False)
            )
        found.sort(key=lambda entry: -entry[3])
        return found

    def config(self, *names, **settings):
        if settings:
            for name, value in settings.items():
                if name == "reconnects":
                    self._require_station()
                    _state.reconnects = 0 if value == -1 else value + 1
                elif name in ("hostname", "dhcp_hostname"):
                    hostname(value)
                elif name in self._settings:
                    if name == "txpower" and not _state.is_active:
                        raise OSError("Wifi Not Started")
                    self._settings[name] = value
                else:
                    raise ValueError("unknown config param")
            if self._is_station and _state.event is not None:
                # The port sets the whole configuration anew, whatever was asked for.
                raise OSError("Wifi Internal State Error")
            return None
        if len(names) != 1:
            raise TypeError("can query only one param")
        name = names[0]
        if name == "mac":
            mac = _machine.unique_id()
            return mac if self._is_station else mac[:5] + bytes((mac[5] + 1 & 0xFF,))
        if name in ("ssid", "essid"):
            return _state.ssid
        if name == "channel":
            offer = _state._offer()
            return offer.get("channel", 6) if offer else 1
        if name in ("hostname", "dhcp_hostname"):
            return _hostname
        if name == "reconnects":
            return _state.reconnects - 1
        if name in self._settings:
            return self._settings[name]
        raise ValueError("unknown config param")

    def ifconfig(self, settings=None):
        if settings is not None:
            if settings == "dhcp" and _state.address is None:
                raise RuntimeError("Wifi Unknown Error 0x5004")  # ESP_ERR_ESP_NETIF_DHCP_ALREADY_STARTED
            if settings != "dhcp" and len(settings) != 4:
                raise ValueError("requested length 4 but object has length %d" % len(settings))
            _state.address = None if settings == "dhcp" else tuple(settings)
            return None
        if _state.address is not None:
            return _state.address
        if not self.isconnected():
            return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
        return ("192.168.4." + str(2 + _machine.unique_id()[5] % 250), "255.255.255.0", "192.168.4.1", "192.168.4.1")

    def ipconfig(self, *names, **settings):
        if settings:
            return None
        address, mask, gateway, _ = self.ifconfig()
        if names[0] == "addr4":
            return (address, mask)
        if names[0] == "gw4":
            return gateway
        if names[0] == "has_dhcp4":
            return self.isconnected()
        if names[0] == "dhcp4":
            return True
        raise ValueError("unexpected key")
