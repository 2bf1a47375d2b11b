#!/bin/sh
# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
#
# venv.sh PYTHON FOLDER   Make a virtual environment, and what Debian needs for one.
set -eu
python="$1"
folder="$2"
here="$(dirname "$0")"

command -v "$python" >/dev/null 2>&1 || "$here/apt.sh" "$python:python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "$python is $("$python" --version 2>&1): Python 3.11 or newer is needed. Name one with make PYTHON=python3.12" >&2
    exit 1
}
# Debian splits ensurepip off; without it `python3 -m venv` makes half an environment.
"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || "$here/apt.sh" "no-such-command:python3-venv"
# An environment that was moved or copied has the old paths in its scripts: make it again.
if [ -x "$folder/bin/python" ] && "$folder/bin/python" -m pip --version >/dev/null 2>&1 &&
    [ "$("$folder/bin/python" -c 'import sys; print(sys.prefix)')" = "$(cd "$folder" && pwd -P)" ] &&
    grep -qF "$(cd "$folder" && pwd -P)/" "$folder/bin/pip"; then
    exit 0
fi
"$python" -m venv --clear "$folder"
