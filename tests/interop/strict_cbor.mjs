// SPDX-FileCopyrightText: 2026 the startcity authors
// SPDX-License-Identifier: EUPL-1.2
//
// Strict CBOR as docs/wire.md, sections 0 and 11 ask for it. Integers are BigInt, maps are Map, floats are Float,
// tags are Tag: so that 1 and 1.0 differ. cborg is the second opinion on every item that is accepted (see check.mjs).

export class WireError extends Error {
  constructor(name, detail = '') {
    super(`${name} ${detail}`)
    this.wireName = name
  }
}

export class Float {
  constructor(value) {
    this.value = value
  }
}

export class Tag {
  constructor(number, value) {
    this.number = number
    this.value = value
  }
}

const LIMIT = 1n << 20n
const DEEPEST = 8
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class Cursor {
  constructor(bytes) {
    this.bytes = bytes
    this.at = 0
  }

  take(count) {
    const end = this.at + count
    if (end > this.bytes.length) throw new WireError('CborTruncated')
    const part = this.bytes.subarray(this.at, end)
    this.at = end
    return part
  }
}

const widths = new Map([[24, 1], [25, 2], [26, 4], [27, 8]])
const leasts = new Map([[24, 24n], [25, 1n << 8n], [26, 1n << 16n], [27, 1n << 32n]])

function argumentOf(cursor, info) {
  if (info < 24) return BigInt(info)
  if (!widths.has(info)) throw new WireError('CborReserved', `additional information ${info}`)
  let argument = 0n
  for (const byte of cursor.take(widths.get(info))) argument = (argument << 8n) | BigInt(byte)
  if (argument < leasts.get(info)) throw new WireError('CborNotShortest')
  return argument
}

function halfFloat(bits) {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

// Does a half float hold this single exactly? Decided on the bits of the single.
function fitsHalf(value) {
  if (value === 0) return true
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  const bits = view.getUint32(0)
  const exponent = ((bits >>> 23) & 255) - 127
  const fraction = bits & 0x7fffff
  if (exponent > 15 || exponent < -24) return false
  const spare = exponent >= -14 ? 13 : 13 + (-14 - exponent)
  return spare >= 24 ? fraction === 0 : (fraction & ((1 << Math.min(spare, 23)) - 1)) === 0 && (spare <= 23 || fraction === 0)
}

function simpleOrFloat(cursor, info) {
  switch (info) {
    case 20: return false
    case 21: return true
    case 22: return null
    case 25: case 26: case 27: break
    default: throw new WireError('CborReserved', `simple value ${info}`)
  }
  const raw = cursor.take(widths.get(info))
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length)
  const value = info === 25 ? halfFloat(view.getUint16(0)) : info === 26 ? view.getFloat32(0) : view.getFloat64(0)
  if (!Number.isFinite(value)) throw new WireError('CborNan')
  if (info === 27 && Math.fround(value) === value) throw new WireError('CborNotShortest')
  if (info === 26 && fitsHalf(value)) throw new WireError('CborNotShortest')
  return new Float(value)
}

function readItem(cursor, depth, anyTag = false) {
  const first = cursor.take(1)[0]
  const major = first >> 5
  const info = first & 31
  if (major === 7) return simpleOrFloat(cursor, info)
  if (info === 31 && major >= 2 && major <= 5) throw new WireError('CborIndefinite')
  const argument = argumentOf(cursor, info)
  if (major === 0) return argument
  if (major === 1) return -1n - argument
  if (major === 6 && argument !== 4n && !anyTag) throw new WireError('CborReserved', `tag ${argument}`)
  if (major !== 6 && argument > LIMIT) throw new WireError('CborTooLong')
  if (major === 2) return cursor.take(Number(argument))
  if (major === 3) {
    const raw = cursor.take(Number(argument))
    try {
      return utf8.decode(raw)
    } catch {
      throw new WireError('CborUtf8')
    }
  }
  if (depth === DEEPEST) throw new WireError('CborDepth')
  if (major === 6) return new Tag(argument, readItem(cursor, depth + 1))
  if (major === 4) {
    const items = []
    for (let left = argument; left > 0n; left--) items.push(readItem(cursor, depth + 1))
    return items
  }
  return readMap(cursor, argument, depth + 1)
}

function readMap(cursor, count, depth) {
  const entries = new Map()
  let before = null
  for (let left = count; left > 0n; left--) {
    const start = cursor.at
    if (start < cursor.bytes.length && ![0, 1, 3].includes(cursor.bytes[start] >> 5)) {
      throw new WireError('CborReserved', 'a key that is neither integer nor text')
    }
    const key = readItem(cursor, depth)
    const raw = cursor.bytes.subarray(start, cursor.at)
    const order = before === null ? 1 : Buffer.compare(raw, before)
    if (order === 0) throw new WireError('CborDuplicateKey')
    if (order < 0) throw new WireError('CborKeyOrder')
    before = raw
    entries.set(key, readItem(cursor, depth))
  }
  return entries
}

/** Exactly one item. */
export function decode(bytes) {
  const [value, end] = decodeFirst(bytes)
  if (end !== bytes.length) throw new WireError('CborTrailing')
  return value
}

/** Exactly one item whose outermost tag may be any. */
export function decodeEnvelope(bytes) {
  const cursor = new Cursor(bytes)
  const value = readItem(cursor, 0, true)
  if (cursor.at !== bytes.length) throw new WireError('CborTrailing')
  return value
}

/** The first item and the position after it. */
export function decodeFirst(bytes) {
  const cursor = new Cursor(bytes)
  return [readItem(cursor, 0), cursor.at]
}

/** What a JSON vector file writes for a value (tests/vectors/README.md). */
export function form(value) {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint') {
    const small = value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER)
    return small ? Number(value) : { int: value.toString() }
  }
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (value instanceof Float) return { float64: doubleHex(value.value) }
  if (value instanceof Tag) return { tag: [Number(value.number), form(value.value)] }
  if (value instanceof Map) return { map: [...value].map(([key, item]) => [form(key), form(item)]) }
  return value.map(form)
}

function doubleHex(value) {
  const raw = Buffer.alloc(8)
  raw.writeDoubleBE(value)
  return raw.toString('hex')
}
