# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A small MQTT client of our own (docs/adr/0003-mqtt-client.md): QoS 0 and 1, MQTT 5 and 3.1.1."""
