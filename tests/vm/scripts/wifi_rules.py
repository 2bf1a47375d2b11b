# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which networks the node joins, on the simulated radio, each rule a function: `wifi_rules.py NAME`. Prints `ok` at the end."""

import asyncio
import sys
import time

import machine
import network
import world
from node_core.duty import Duty
from node_io import brief_link
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


def why_the_last_try_failed_does_not_end_the_next_one():
    """The port goes on saying "no such network" until there is an address: one that takes its time is waited for all the same."""
    radio()
    wifi, name = join([("home", "a")])
    assert name is None and wifi.wlan.status() == network.STAT_NO_AP_FOUND
    radio(ap("home", "a"))
    world.change({"wifi_connect_ms": 12_000})
    assert asyncio.run(wifi.join()), said


def a_wrong_password_does_not_end_the_try_of_the_next_network():
    radio(ap("near", "other", -50), ap("far", "a", -80))
    world.change({"wifi_connect_ms": 12_000})
    assert join([("near", "b"), ("far", "a")])[1] == "far", said


def a_network_that_stays_away_costs_seconds_each_time():
    for password in ("a", "long enough"):
        radio(ap("stranger", "c"))
        wifi, _ = join([("home", password)])
        for _ in range(2):
            began = time.ticks_ms()
            assert not asyncio.run(wifi.join())
            assert time.ticks_diff(time.ticks_ms(), began) < 13_000
        assert said[-1] == "home: network not found", said


def while_the_networks_stay_away_the_board_is_seldom_deaf():
    """A scan blocks every handler for seconds: one at the first try, one at each eighth, none in between; then the network is back."""
    ticks = [0]

    def tick(_):
        ticks[0] += 1

    def missed(is_joined):
        """Ticks that the timer's handler did not see during one try."""
        before, began = ticks[0], time.ticks_ms()
        assert asyncio.run(wifi.join()) == is_joined
        return time.ticks_diff(time.ticks_ms(), began) // 10 - (ticks[0] - before)

    radio(ap("stranger", "c"))
    wifi = Wifi([{"ssid": name, "password": "long enough"} for name in ("home", "school")], [], said.append)
    timer = machine.Timer(0)
    timer.init(period=10, callback=tick)
    deaf = [missed(False) > 100 for _ in range(9)]
    assert deaf == [True] + 7 * [False] + [True], deaf
    radio(ap("school", "long enough"))
    assert missed(True) < 10
    timer.deinit()


def an_open_copy_is_not_joined_without_a_scan_either():
    """The chip refuses it, where the password has WPA's length; where it has not, there is a scan each time."""
    for password in ("p4ssw0rd", "short"):
        radio()
        wifi, _ = join([("school", password)])
        radio(ap("school", "", -30))
        world.change({"wifi_connect_ms": 900})
        for _ in range(9):
            assert not asyncio.run(wifi.join())
        radio(ap("school", password, -30))
        assert asyncio.run(wifi.join())
        wifi.wlan.disconnect()


def a_scan_that_sees_nothing_proves_nothing():
    """Some radios, and emulators of them, find no network and join one all the same, if they are given the time."""
    network.WLAN.scan = lambda self: []
    radio()
    wifi, _ = join([("home", "a")])
    radio(ap("home", "a"))
    world.change({"wifi_connect_ms": 9000})
    assert asyncio.run(wifi.join()), said


def why_a_password_is_refused_is_said_in_words():
    """IEEE 802.11's reason 15 is what a wrong password mostly looks like; the port has no name for it."""
    radio(ap("home", "a"))
    works = network.WLAN.status
    network.WLAN.status = lambda self, *what: works(self, *what) if what or self.isconnected() else 15
    world.change({"wifi_stuck": True})
    assert join([("home", "b")])[1] is None
    assert "home: no handshake: wrong password?" in said, said


def an_address_of_one_network_is_not_used_in_another():
    """A node that sleeps: where its network is not, it asks the next one for an address."""
    radio(ap("there", "b"))
    memory = Duty()
    memory.network = 0
    config = {
        "wifi": [
            {"ssid": "home", "password": "a", "address": ["10.1.2.3", "255.255.255.0", "10.1.2.1", "10.1.2.1"]},
            {"ssid": "there", "password": "b"},
        ]
    }
    assert asyncio.run(brief_link.join(config, memory, said.append)), said
    wlan = network.WLAN(network.STA_IF)
    assert wlan.config("ssid") == "there" and memory.network == 1 and len(memory.access_point) == 6
    assert wlan.ifconfig()[0] != "10.1.2.3"


def a_sleeping_node_that_is_connected_does_not_join_again():
    """A wake may have several turns; the port refuses to be configured anew, and the radio costs."""
    radio(ap("home", "a"))
    config, memory = {"wifi": [{"ssid": "home", "password": "a"}]}, Duty()
    assert asyncio.run(brief_link.join(config, memory, said.append))
    network.WLAN.connect = network.WLAN.config = None
    assert asyncio.run(brief_link.join(config, memory, said.append))


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
    assert wifi.failures == 8
    scans = network.WLAN.scan
    network.WLAN.scan = no_memory  # nothing of it works
    for _ in range(8):
        assert not asyncio.run(wifi.join())
    assert wifi.failures == 16 and said[-2:] == ["restarting the radio", "the radio fails: Wifi Unknown Error 0x0101"]
    network.WLAN.scan = scans
    network.WLAN.active = works
    radio(ap("home", "a"))
    assert asyncio.run(wifi.join())


globals()[sys.argv[1]]()
print("ok")
