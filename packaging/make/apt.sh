#!/bin/sh
# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
#
# apt.sh COMMAND:PACKAGE...   Install the Debian packages of the commands that are missing.
#
# As root, or with sudo where it asks for no password; else prints the exact command and fails.
set -eu

# Services and system tools live here, and a user's PATH often leaves them out.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
packages=""
for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || packages="$packages ${pair#*:}"
done
[ -n "$packages" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo"
fi
refuse() {
    echo "Missing:$packages ($1). Install with:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y$packages" >&2
    exit 1
}
command -v apt-get >/dev/null 2>&1 || refuse "this system has no apt-get: use its own package manager"
if [ -n "$as_root" ]; then
    sudo -n true >/dev/null 2>&1 || refuse "neither root nor sudo without a password here"
fi
echo "Installing:$packages" >&2
# A package list may be old or absent: the update's failure counts only if the installation fails too.
$as_root apt-get update -qq >&2 || true
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >&2 ||
    refuse "apt-get failed"
