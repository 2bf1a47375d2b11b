#!/bin/sh
# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
# Check the firmware's types against MicroPython's ESP32 API, in the newest and in the oldest supported version.
# Each version's stubs live in a folder of their own, .venv-stubs/, because they would hide CPython's own modules.
# PYTHON names the interpreter that has pip and mypy; the default is the project's. With `stubs` they are only installed.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-$PWD/../.venv/bin/python}
mkdir -p ../.venv-stubs
echo '*' >../.venv-stubs/.gitignore
for version in newest 1.26; do
    folder=$PWD/../.venv-stubs/$version
    pins=requirements-stubs-$version.txt
    if ! cmp -s "$pins" "$folder/pins.txt"; then
        rm -rf "$folder"
        mkdir -p "$folder"
        "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder" -r "$pins"
        cp "$pins" "$folder/pins.txt"
    fi
    [ "${1:-}" != stubs ] || continue
    echo "firmware types against MicroPython's ESP32 API, $version:"
    MYPYPATH=$folder "$python" -m mypy --config-file mypy.ini --custom-typeshed-dir "$folder" --cache-dir "$folder/.cache"
done
