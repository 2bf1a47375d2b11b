# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Recordings through the firmware's own detectors, on the MicroPython virtual machine."""
