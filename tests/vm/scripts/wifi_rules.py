# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which networks the node joins, on the simulated radio, each rule a function: `wifi_rules.py NAME`. Prints `ok` at the end."""

import asyncio
import sys

import network
import world
from node_io.wifi import Wifi

said = []


def radio(*networks):
    world.change({"networks": list(networks)})


def ap(ssid, password, rssi=-60):
    return {"ssid": ssid, "password": password, "rssi": rssi, "channel": 6}


def join(networks, open_networks=()):
    wifi = Wifi([{"ssid": name, "password": word} for name, word in networks], list(open_networks), said.append)
    joined = asyncio.run(wifi.join())
    name = network.WLAN(network.STA_IF).config("ssid") if joined else None
    return wifi, name


def strongest_known_network_first():
    radio(ap("far", "a", -80), ap("near", "b", -50), ap("stranger", "c", -30))
    assert join([("far", "a"), ("near", "b")])[1] == "near"
    assert "secret" not in "".join(said)


def next_one_where_the_password_is_wrong():
    radio(ap("near", "other", -50), ap("far", "a", -80))
    assert join([("near", "b"), ("far", "a")])[1] == "far"
    assert "near: wrong password" in said, said


def open_network_only_where_it_is_named():
    radio(ap("piazza", ""))
    assert join([("piazza", "")])[1] is None, "joined an open network that open_networks does not name"
    assert any("open_networks" in text for text in said), said
    assert join([], ["piazza"])[1] == "piazza"


def open_copy_of_a_network_with_password_is_not_joined():
    radio(ap("school", "", -30))
    assert join([("school", "p4ssw0rd")])[1] is None
    assert join([("school", "p4ssw0rd")], ["piazza"])[1] is None
    assert "p4ssw0rd" not in "".join(said)


def nothing_in_reach_is_said_and_tried_as_hidden():
    radio(ap("stranger", "c"))
    assert join([("home", "a")])[1] is None
    assert "joining home" in said and "home: network not found" in said, said


def no_network_configured_is_said():
    assert join([])[1] is None
    assert said == ["no network is configured"]


def a_lost_network_is_noticed_and_joined_again():
    radio(ap("home", "a"))
    wifi, name = join([("home", "a")])
    assert name == "home" and wifi.is_connected() and wifi.rssi_dbm() == -60
    radio()
    assert not wifi.is_connected() and wifi.rssi_dbm() is None
    assert not asyncio.run(wifi.join())
    radio(ap("home", "a"))
    assert asyncio.run(wifi.join())


def a_radio_that_never_answers_ends_in_time_and_is_restarted():
    radio(ap("home", "a"))
    world.change({"wifi_stuck": True})
    wifi, name = join([("home", "a")])
    assert name is None and "home: no address in time" in said, said
    for _ in range(8):
        asyncio.run(wifi.join())
    assert "restarting the radio" in said


def an_error_that_the_port_has_no_word_for_costs_an_attempt_and_not_the_node():
    """ports/esp32 raises RuntimeError there, from any call; the radio is started anew after the eighth."""

    def no_memory(*_):
        raise RuntimeError("Wifi Unknown Error 0x0101")

    radio(ap("home", "a"))
    for name in ("scan", "connect"):
        works = getattr(network.WLAN, name)
        setattr(network.WLAN, name, no_memory)
        wifi, joined = join([("home", "a")])
        assert joined is None and "the radio fails: Wifi Unknown Error 0x0101" in said and wifi.failures == 1
        for _ in range(7):
            assert not asyncio.run(wifi.join())
        assert said.pop() == "restarting the radio"
        setattr(network.WLAN, name, works)
        assert asyncio.run(wifi.join())
        del said[:]


def a_radio_that_cannot_be_started_anew_costs_an_attempt_and_not_the_node():
    def no_memory(*_):
        raise RuntimeError("Wifi Unknown Error 0x0101")

    radio()
    wifi, _ = join([("home", "a")])
    works = network.WLAN.active
    network.WLAN.active = no_memory
    for _ in range(7):
        assert not asyncio.run(wifi.join())
    assert said[-2:] == ["restarting the radio", "the radio fails: Wifi Unknown Error 0x0101"], said
    network.WLAN.active = works
    radio(ap("home", "a"))
    assert asyncio.run(wifi.join())


globals()[sys.argv[1]]()
print("ok")
