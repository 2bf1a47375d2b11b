# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A node's file system, while the node is off: `on_flash.py FLASH.bin list | read NAME | write NAME TEXT`."""

import os
import sys

import flash_device
import uos

path, verb = sys.argv[1], sys.argv[2]
device = flash_device.FlashDevice(os.stat(path)[6], path)
uos.mount(uos.VfsLfs2(device, progsize=128, readsize=128, lookahead=128), "/flash")
os.chdir("/flash")
if verb == "list":
    print(" ".join(sorted(os.listdir("."))))
elif verb == "read":
    with open(sys.argv[3]) as file:
        print(file.read(), end="")
else:
    with open(sys.argv[3], "w") as file:
        file.write(sys.argv[4])
