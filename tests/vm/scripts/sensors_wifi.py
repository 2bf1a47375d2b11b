# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The simulated Wi-Fi and its sockets. argv: port of an echo server. The world is changed from here."""

import asyncio
import errno
import machine
import network
import select
import socket
import sys
import time
import world

PORT = int(sys.argv[1])
HOME = {"ssid": "home", "password": "right", "rssi": -50, "channel": 1}
OPEN = {"ssid": "cafe", "password": "", "rssi": -70, "channel": 11}
world.change({"networks": [OPEN, HOME]})

wlan = network.WLAN(network.STA_IF)
assert not wlan.isconnected() and wlan.status() == network.STAT_IDLE


def refused(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    raise AssertionError("no error")


def wait_until(is_there, limit_ms=20_000):
    start = time.ticks_ms()
    while not is_there():
        assert time.ticks_diff(time.ticks_ms(), start) < limit_ms, "waited in vain"
        time.sleep_ms(20)
    return time.ticks_diff(time.ticks_ms(), start)


refused(wlan.scan)
refused(wlan.connect, "home", "right")
wlan.active(True)
found = wlan.scan()
assert [(entry[0], entry[3], entry[4]) for entry in found] == [
    (b"home", -50, network.AUTH_WPA2_PSK),
    (b"cafe", -70, network.AUTH_OPEN),
], found
assert wlan.config("mac") == machine.unique_id()

# A wrong password: the port tries for ever, refuses meanwhile to be set or to scan, and goes on saying why it failed.
wlan.connect("home", "wrong")
assert wlan.status() == network.STAT_CONNECTING and wlan.scan() == []
refused(lambda: wlan.config(reconnects=1))
refused(wlan.connect, "home", "right")
time.sleep_ms(8000)
assert not wlan.isconnected() and wlan.status() == network.STAT_WRONG_PASSWORD
wlan.disconnect()
assert wlan.status() == network.STAT_WRONG_PASSWORD
wlan.config(reconnects=1)
wlan.connect("nobody", "x")
assert wlan.status() == network.STAT_WRONG_PASSWORD, "of the try before"
wait_until(lambda: wlan.status() == network.STAT_NO_AP_FOUND)
time.sleep_ms(8000)  # two tries
wlan.config(reconnects=-1)

# Association that never ends; then one that does.
world.change({"wifi_stuck": True})
wlan.connect("home", "right")
time.sleep_ms(8000)
assert wlan.status() == network.STAT_NO_AP_FOUND, "of the try before"
assert refused(socket.getaddrinfo, "127.0.0.1", PORT) == -202
assert refused(socket.socket().connect, ("127.0.0.1", PORT)) == errno.EHOSTUNREACH
world.change({"wifi_stuck": False, "wifi_connect_ms": 700})
wlan.disconnect()
wlan.connect("home", "right")
assert 600 <= wait_until(wlan.isconnected) < 1500
assert wlan.status() == network.STAT_GOT_IP and wlan.status("rssi") == -50
assert wlan.ifconfig()[0].startswith("192.168.4.")

# A connection over a working network, blocking and with asyncio.
line = socket.socket()
line.connect(socket.getaddrinfo("127.0.0.1", PORT)[0][-1])
line.send(b"one\n")
assert line.readline() == b"one\n"
line.settimeout(0.3)
assert refused(line.recv, 1) == errno.ETIMEDOUT
line.settimeout(None)

# The air goes silent: nothing fails at once, nothing passes, time goes on.
world.change({"wifi": False})
assert not wlan.isconnected() and wlan.status() == network.STAT_CONNECTING
line.setblocking(False)
assert line.write(b"two\n") is None and line.read(4) is None
poller = select.poll()
poller.register(line, select.POLLIN | select.POLLOUT)
start = time.ticks_ms()
assert poller.poll(500) == [] and 500 <= time.ticks_diff(time.ticks_ms(), start) < 1500


async def lost():
    stream = asyncio.StreamReader(line)
    try:
        await asyncio.wait_for(stream.readline(), 1)
        raise AssertionError("read through a dead network")
    except asyncio.TimeoutError:
        return "silent"


assert asyncio.run(lost()) == "silent"

# It comes back by itself, with the old connection.
world.change({"wifi": True})
wait_until(wlan.isconnected)
line.setblocking(True)
line.write(b"three\n")
assert line.readline() == b"three\n"
line.close()


async def echo():
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    for index in range(20):
        writer.write(b"%d\n" % index)
        await writer.drain()
        assert await reader.readline() == b"%d\n" % index
    writer.close()
    await writer.wait_closed()


asyncio.run(echo())

# An address that was set holds for every network until one is asked for; asking twice is an error that the port has no word for.
wlan.ifconfig(("10.0.0.9", "255.255.255.0", "10.0.0.1", "10.0.0.1"))
assert wlan.ifconfig()[0] == "10.0.0.9"
wlan.ifconfig("dhcp")
try:
    wlan.ifconfig("dhcp")
    raise AssertionError("taken twice")
except RuntimeError:
    pass
wlan.disconnect()
assert wlan.status() == network.STAT_IDLE

# Where it may try once, a connection that is lost is not joined again.
wlan.config(reconnects=0)
wlan.connect("home", "right")
wait_until(wlan.isconnected)
world.change({"wifi": False})
world.change({"wifi": True})
time.sleep_ms(5000)
assert not wlan.isconnected() and wlan.status() == network.STAT_BEACON_TIMEOUT
wlan.active(False)
refused(lambda: wlan.config(txpower=8))
assert not wlan.isconnected() and refused(socket.getaddrinfo, "127.0.0.1", PORT) == -202
print("ok")
