# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""ESP-IDF's non-volatile storage, read from and written to its partition (format of ESP-IDF's documentation, "Internals of NVS").

A page of 4096 bytes: 32 of header (state, number, version, CRC), two bits of state for each of 126 entries, then the entries of 32 bytes. An
item takes an entry for its name and, if it is long, the next ones for its bytes. Nothing is changed in place: a new value is
appended and the old one marked as gone; a page without free entries is emptied into a fresh one.

Only `i32` and `blob` values are given out, as `esp32.NVS` does. Values of other types stay as they are.
"""

import binascii
import struct

_PAGE_BYTES = 4096
_ENTRIES = 126
_ENTRY_BYTES = 32
_FIRST_ENTRY = 64
_EMPTY = 0xFFFFFFFF
_ACTIVE = 0xFFFFFFFE
_FULL = 0xFFFFFFFC
_FREEING = 0xFFFFFFF8
_WRITTEN_BITS = 2
_U8 = 0x01
_I32 = 0x14
_TEXT = 0x21
_BLOB_V1 = 0x41
_BLOB_DATA = 0x42
_BLOB_INDEX = 0x48
_LONG = (_TEXT, _BLOB_V1, _BLOB_DATA)
_NO_CHUNK = 0xFF
_CHUNK_BYTES_MAX = (_ENTRIES - 1) * _ENTRY_BYTES
_OTHER_VERSION = 0x80
_NO_SPACE = -0x1105  # ESP_ERR_NVS_NOT_ENOUGH_SPACE


def _crc(data):
    return binascii.crc32(data, 0xFFFFFFFF)


class _Page:
    def __init__(self, block, state, number):
        self.block = block
        self.state = state
        self.number = number
        self.free = _ENTRIES  # first entry that was never written
        self.gone = 0  # entries that are marked so


class _Item:
    """One name, and the entries behind it, where it lies."""

    def __init__(self, page, index, entry, data):
        self.page = page
        self.index = index
        self.entry = entry
        self.data = data
        self.space, self.kind, self.span, self.chunk = entry[:4]
        self.key = entry[8:24].rstrip(b"\0").decode()


class NvsPartition:
    def __init__(self, region):
        self._region = region
        self._scan()

    # ---- reading

    def _scan(self):
        self._pages = []
        for block in range(self._region.size_bytes // _PAGE_BYTES):
            header = self._region.read(block * _PAGE_BYTES, 32)
            state, number = struct.unpack("<II", header)
            is_sound = struct.unpack("<I", header[28:])[0] == _crc(header[4:28])
            if state not in (_ACTIVE, _FULL, _FREEING) or not is_sound:
                if header != b"\xff" * 32:
                    self._region.erase(block)  # nothing in it can be trusted; ESP-IDF does the same
                state, number = _EMPTY, -1
            self._pages.append(_Page(block, state, number))
        self._items = []
        for page in sorted(self._pages, key=lambda page: page.number):
            if page.state != _EMPTY:
                self._scan_page(page)
        self._spaces = {}
        for item in self._items:
            if item.space == 0 and item.kind == _U8:
                self._spaces[item.key] = item.entry[24]

    def _scan_page(self, page):
        start = page.block * _PAGE_BYTES
        states = self._region.read(start + 32, 32)
        index = 0
        page.free = 0
        while index < _ENTRIES:
            bits = states[index // 4] >> index % 4 * 2 & 3
            if bits != 3:
                page.free = index + 1
            if bits != _WRITTEN_BITS:
                page.gone += bits == 0
                index += 1
                continue
            at = start + _FIRST_ENTRY + index * _ENTRY_BYTES
            entry = self._region.read(at, _ENTRY_BYTES)
            span = entry[2]
            if struct.unpack("<I", entry[4:8])[0] != _crc(entry[:4] + entry[8:]) or not 0 < span <= _ENTRIES - index:
                page.gone += 1
                index += 1
                continue
            data = b""
            if entry[1] in _LONG:
                size, _, crc = struct.unpack("<HHI", entry[24:])
                data = self._region.read(at + _ENTRY_BYTES, (span - 1) * _ENTRY_BYTES)[:size]
                if _crc(data) != crc:
                    page.gone += span
                    index += span
                    continue
            self._items.append(_Item(page, index, entry, data))
            page.free = max(page.free, index + span)
            index += span

    def _parts(self, space, key):
        """The items that make up this name's value: of any type, the newest last."""
        return [item for item in self._items if item.space == space and item.key == key]

    def _value(self, parts):
        """An int, a list of bytes, or None where it is of another type or torn."""
        last = parts[-1]
        for item in reversed(parts):
            if item.kind in (_BLOB_INDEX, _BLOB_V1, _I32):
                last = item
                break
        if last.kind == _I32:
            return struct.unpack("<i", last.entry[24:28])[0]
        if last.kind == _BLOB_V1:
            return list(last.data)
        if last.kind != _BLOB_INDEX:
            return None
        size, count, first = struct.unpack("<IBB", last.entry[24:30])
        whole = b""
        for chunk in range(first, first + count):
            found = [item for item in parts if item.kind == _BLOB_DATA and item.chunk == chunk]
            if not found:
                return None
            whole += found[-1].data
        return list(whole) if len(whole) == size else None

    def load(self):
        """{"namespace/key": int or list of bytes}"""
        values = {}
        for name, space in self._spaces.items():
            for key in {item.key for item in self._items if item.space == space}:
                value = self._value(self._parts(space, key))
                if value is not None:
                    values[name + "/" + key] = value
        self._stored = dict(values)
        return values

    # ---- writing

    def save(self, values):
        """Make the partition hold `values`; each is safe by itself. Raises OSError where there is no room."""
        for name, value in values.items():
            if self._stored.get(name) != value:
                self._put(name, value)
                self._stored[name] = list(value) if isinstance(value, list) else value
        for name in list(self._stored):
            if name not in values:
                space, key = name.split("/", 1)
                self._forget(self._parts(self._spaces[space], key))
                del self._stored[name]

    def _put(self, name, value):
        name, key = name.split("/", 1)
        space = self._spaces.get(name)
        if space is None:
            space = max([0] + list(self._spaces.values())) + 1
            self._append(0, _U8, _NO_CHUNK, name, bytes([space]) + b"\xff" * 7)
            self._spaces[name] = space
        old = self._parts(space, key)
        if isinstance(value, int):
            self._append(space, _I32, _NO_CHUNK, key, struct.pack("<i", value) + b"\xff" * 4)
        else:
            first = 0
            for item in old:
                if item.kind == _BLOB_INDEX and item.entry[29] == 0:
                    first = _OTHER_VERSION
            data = bytes(value)
            chunks = [data[at : at + _CHUNK_BYTES_MAX] for at in range(0, len(data), _CHUNK_BYTES_MAX)] or [b""]
            for number, chunk in enumerate(chunks):
                about = struct.pack("<HHI", len(chunk), 0xFFFF, _crc(chunk))
                self._append(space, _BLOB_DATA, first + number, key, about, chunk)
            about = struct.pack("<IBBH", len(data), len(chunks), first, 0xFFFF)
            self._append(space, _BLOB_INDEX, _NO_CHUNK, key, about)
        # Emptying a page may have moved the old ones meanwhile.
        count = len(self._parts(space, key)) - len(old)
        self._forget(self._parts(space, key)[:-count])

    def _append(self, space, kind, chunk, key, about, data=b""):
        span = 1 + -(-len(data) // _ENTRY_BYTES)
        head = bytes([space, kind, span, chunk])
        rest = (key.encode() + bytes(16))[:16] + about
        entry = head + struct.pack("<I", _crc(head + rest)) + rest
        self._write(self._room(span), entry, data)

    def _write(self, page, entry, data):
        span = entry[2]
        index = page.free
        at = page.block * _PAGE_BYTES + _FIRST_ENTRY + index * _ENTRY_BYTES
        self._region.program(at + _ENTRY_BYTES, data) if data else None
        self._region.program(at, entry)
        page.free += span
        self._mark(page, index, span, _WRITTEN_BITS)
        self._items.append(_Item(page, index, entry, data))

    def _mark(self, page, index, span, bits):
        start = page.block * _PAGE_BYTES + 32
        states = bytearray(b"\xff" * 32)
        for place in range(index, index + span):
            states[place // 4] &= ~((3 ^ bits) << place % 4 * 2)
        self._region.program(start, states)

    def _forget(self, items):
        for item in items:
            self._mark(item.page, item.index, item.span, 0)
            item.page.gone += item.span
            self._items.remove(item)

    def _set_state(self, page, state):
        page.state = state
        self._region.program(page.block * _PAGE_BYTES, struct.pack("<I", state))

    def _begin(self, page):
        page.number = max(each.number for each in self._pages) + 1
        page.free = page.gone = 0
        about = struct.pack("<IB", page.number, 0xFE) + b"\xff" * 19
        self._region.program(page.block * _PAGE_BYTES + 4, about + struct.pack("<I", _crc(about)))
        self._set_state(page, _ACTIVE)
        return page

    def _room(self, span):
        """A page with `span` free entries in a row. One page always stays empty, to empty another into."""
        for _ in range(len(self._pages) + 1):
            active = [page for page in self._pages if page.state == _ACTIVE]
            for page in active:
                if _ENTRIES - page.free >= span:
                    return page
                self._set_state(page, _FULL)
            empty = [page for page in self._pages if page.state == _EMPTY]
            if len(empty) > 1:
                self._begin(empty[0])
                continue
            full = [page for page in self._pages if page.state != _EMPTY]
            worst = max(full, key=lambda page: page.gone) if full else None
            if not empty or worst is None or not worst.gone:
                break
            self._empty(worst, self._begin(empty[0]))
        raise OSError(_NO_SPACE, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")

    def _empty(self, old, new):
        self._set_state(old, _FREEING)
        for item in [item for item in self._items if item.page is old]:
            self._items.remove(item)
            self._write(new, item.entry, item.data)
        self._region.erase(old.block)
        old.state, old.number, old.free, old.gone = _EMPTY, -1, 0, 0
