# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""From a blank ESP32 to a node of the city: find, identify, write, verify, test, label, and keep account of it."""
