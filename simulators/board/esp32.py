# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`esp32`: non-volatile storage, the chip's temperature. NVS lives in `nvs.json` of the node's directory, or in `storage`."""

import json as _json

import power as _power
import simclock as _clock
import world as _world

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True

_NOT_FOUND = -0x1102  # ESP_ERR_NVS_NOT_FOUND
_INVALID_LENGTH = -0x110C
_SELF_HEATING_K = 15  # the die is warmer than the air


def mcu_temperature():
    """Celsius, whole degrees; ESP32-S2 and newer."""
    return int(_world.values["temperature_c"] + _SELF_HEATING_K)


def raw_temperature():
    """Fahrenheit, whole degrees; the first ESP32."""
    return int((_world.values["temperature_c"] + _SELF_HEATING_K) * 9 / 5 + 32)


rtc_pins = (0, 2, 4, 12, 13, 14, 15, 25, 26, 27, 32, 33, 34, 35, 36, 37, 38, 39)


def become(chip):
    """For the simulation: be another chip than the first ESP32. The C3 has neither ext0 nor ext1."""
    global rtc_pins, wake_on_ext0, wake_on_ext1
    rtc_pins = {"esp32s3": range(22), "esp32c3": range(6)}.get(chip, rtc_pins)
    if chip == "esp32c3":
        del wake_on_ext0, wake_on_ext1


def _rtc_number(pin):
    number = pin.number
    if number not in rtc_pins:
        raise ValueError("invalid pin")
    return number


def wake_on_ext0(pin, level):
    """One pin, either level; `pin` None switches it off."""
    _power.ext0 = None if pin is None else (_rtc_number(pin), 1 if level else 0)


def wake_on_ext1(pins, level):
    """Wake when any of the pins is high (`WAKEUP_ANY_HIGH`), or once all are low; no pins switch it off."""
    _power.ext1 = ([_rtc_number(pin) for pin in pins], bool(level)) if pins else None


def wake_on_gpio(pins, level):
    """Wake when any of the pins has this level; from deep sleep on chips without ext0 only. No pins switch it off."""
    _power.gpio = ([_rtc_number(pin) for pin in pins], 1 if level else 0) if pins else None


storage = None  # for the simulation: an object with `load()` and `save(values)` that keeps them elsewhere
_kept = None  # "namespace/key" -> int or list of bytes


def _load():
    global _kept
    if _kept is None:
        _kept = {}
        if storage is not None:
            _kept = storage.load()
        elif _power.directory is not None:
            try:
                with open(_power.directory + "/nvs.json") as file:
                    _kept = _json.load(file)
            except OSError:
                pass
    return _kept


class NVS:
    """Values count for this run at once and outlive it after `commit`."""

    def __init__(self, namespace):
        if len(namespace) > 15:
            raise OSError(-0x1109, "ESP_ERR_NVS_KEY_TOO_LONG")
        self._prefix = namespace + "/"

    def _name(self, key):
        if len(key) > 15:
            raise OSError(-0x1109, "ESP_ERR_NVS_KEY_TOO_LONG")
        return self._prefix + key

    def _get(self, key, kind):
        value = _load().get(self._name(key))
        if not isinstance(value, kind):
            raise OSError(_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        return value

    def set_i32(self, key, value):
        if not -(1 << 31) <= value < 1 << 31:
            raise OverflowError("overflow converting long int to machine word")
        _load()[self._name(key)] = value

    def get_i32(self, key):
        return self._get(key, int)

    def set_blob(self, key, value):
        _load()[self._name(key)] = list(bytes(value))

    def get_blob(self, key, buffer):
        value = self._get(key, list)
        if len(value) > len(buffer):
            raise OSError(_INVALID_LENGTH, "ESP_ERR_NVS_INVALID_LENGTH")
        buffer[: len(value)] = bytes(value)
        return len(value)

    def erase_key(self, key):
        if _load().pop(self._name(key), None) is None:
            raise OSError(_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")

    def commit(self):
        _clock.busy(3000)
        _power.nvs_commits += 1
        if storage is not None:
            storage.save(_load())
        elif _power.directory is not None:
            import os

            path = _power.directory + "/nvs.json"
            with open(path + ".new", "w") as file:
                _json.dump(_load(), file)
            os.rename(path + ".new", path)
