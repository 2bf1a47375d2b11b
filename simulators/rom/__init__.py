# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A virtual board: the boot loader of an ESP32, ESP32-S3 or ESP32-C3 on a serial port, its flash as a file, and MicroPython on that flash.

The programs that flash and talk to real boards (esptool, mpremote) work against it unchanged. Written from the description of the
serial protocol; it shares no code with them.
"""
