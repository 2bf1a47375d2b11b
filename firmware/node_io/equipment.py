# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a node that is always awake is made of, and what it says first. runtime.py forgets it when the node is made."""

import binascii

import machine

from micropython import const

from node_core.keys import derive_root
from node_io import borrowed
from node_io.flash_store import FlashStore
from node_io.mqtt_client import MqttClient
from node_io.outbox import Outbox
from node_io.wifi import Wifi, say
from version import VERSION

_WEAK_DBM = const(8)


def equip(node, config: dict, master: bytes, situation: dict) -> tuple[Wifi, Outbox, MqttClient]:
    """Give the node of runtime.py its state, and return its parts. Takes from `config` what the parts have then."""
    named = config.get("node")
    node.node_id = binascii.unhexlify(named) if named else machine.unique_id()
    node.config = config
    node.generation = config.get("generation", 0)
    node.is_safe = situation["safe"]
    node.is_fallback = bool(situation["fell_back"])
    node.trial = situation["trial"]
    node.gateways_heard = []
    node._situation = situation
    node._is_debug = config.get("log") == "debug"
    node._settings = settings = config["settings"]
    node._measurements = measurements = borrowed.call("node_core.configuration", "all_measurements", config)
    node._diagnostics_ms = int(settings.get("diagnostics_s", 900)) * 1000
    node._down_keys = []
    node._broken = {}
    node._reported_faults = ""
    node._has_news = False
    node._starts = {}  # by gateway: what its last answer said of its start
    node._proof_again_ms = node._mistakes = 0
    node.counters = {"down": 0, "refused": 0}
    # The radio comes first: it is what makes random numbers random, and an epoch may have to be drawn.
    wifi = Wifi(
        config["wifi"],
        config.get("open_networks", []),
        say,
        _WEAK_DBM if situation["weak"] else None,
    )
    node._root = root = derive_root(master, node.generation)
    waits_s = borrowed.call("node_core.configuration", "first_waits_s", measurements)
    store = FlashStore("queue", borrowed.call("node_io.start", "segments_max", config), waits_s)
    outbox = Outbox(root, node.node_id, store, node)
    mqtt = config["mqtt"]
    client_id = "sc-" + node.name
    client = MqttClient(mqtt["host"], mqtt.get("port", 1883), client_id, mqtt.get("user"), mqtt.get("password"))
    for name in ("measurements", "wifi", "open_networks"):
        config.pop(name, None)
    return wifi, outbox, client


def introduce(node) -> None:
    """Say which node this is, and report what its start has found."""
    what = node.name, VERSION, node.config.get("profile", "?"), node.outbox.numbers.boot
    epoch = binascii.hexlify(node.outbox.numbers.epoch).decode()
    how = epoch, node._situation["reset"], " SAFE MODE" if node.is_safe else ""
    print("boot %s fw %s profile %s number %d epoch %s reset %s%s" % (what + how))
    borrowed.call("node_io.seldom", "diagnose", node, True)
    borrowed.call("node_io.start", "report", node, node._situation)
