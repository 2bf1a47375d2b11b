# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Pure codecs of docs/wire.md: bytes to meaning and back. No sockets, no clock; only `signer` reads a file."""
