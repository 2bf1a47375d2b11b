// SPDX-FileCopyrightText: 2026 the startcity authors
// SPDX-License-Identifier: EUPL-1.2
//
// Sections 1 to 4 of docs/wire.md: keys, node frame, SenML pack, waveform, down frame. Written from that page.

import { createDecipheriv, hkdfSync } from 'node:crypto'
import { encode as cborgEncode } from 'cborg'
import { decode, decodeEnvelope, decodeFirst, Float, form, Tag, WireError } from './strict_cbor.mjs'

const text = (string) => Buffer.from(string, 'utf8')
const hkdf = (ikm, salt, info, length) => Buffer.from(hkdfSync('sha256', ikm, salt, info, length))

export const isInt = (value) => typeof value === 'bigint'
export const within = (value, low, high) => isInt(value) && value >= low && value <= high
export const isBytes = (value, length) => value instanceof Uint8Array && (length === undefined || value.length === length)
export const INT64 = [-(1n << 63n), (1n << 63n) - 1n]
export const TIME_MAX = (1n << 53n) - 1n
export const UINT32_MAX = (1n << 32n) - 1n
export const SEQUENCE_MAX = (1n << 20n) - 1n
const GATEWAY_ID = /^[a-z0-9][a-z0-9-]{0,31}$/
export const isGatewayId = (value) => typeof value === 'string' && GATEWAY_ID.test(value) && !value.includes('\n')

// ------------------------------------------------------------------------------------------------ section 1

export function rootOf(master, generation) {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(generation)
  return hkdf(master, text('sc1 root'), number, 16)
}

export function upOf(root, kid) {
  const both = hkdf(root, text('sc1 up'), kid, 29)
  return { key: both.subarray(0, 16), baseIv: both.subarray(16) }
}

export const downOf = (root, gatewayId, kid) => hkdf(root, Buffer.concat([text('sc1 down'), text(gatewayId)]), kid, 16)

// ------------------------------------------------------------------------------------------------ COSE, common

export function openArray(data, tag, types) {
  const item = decodeEnvelope(data)
  if (!(item instanceof Tag) || item.number !== BigInt(tag)) throw new WireError('CoseTag')
  const parts = item.value
  const fits = Array.isArray(parts) && parts.length === types.length &&
    parts.every((part, index) => (types[index] === Map ? part instanceof Map : isBytes(part)))
  if (!fits) throw new WireError('CoseShape')
  return parts
}

export function headersOf(protectedBytes, unprotectedMap, algorithm, wantedProtected, wantedUnprotected) {
  const ours = protectedBytes.length ? decode(protectedBytes) : new Map()
  if (!(ours instanceof Map)) throw new WireError('CoseShape')
  if (ours.has(2n) || unprotectedMap.has(2n)) throw new WireError('CoseCrit')
  if (ours.get(1n) !== algorithm) throw new WireError('CoseAlgorithm')
  const exactly = (map, labels) => map.size === labels.length && labels.every((label) => map.has(label))
  if (!exactly(ours, wantedProtected) || !exactly(unprotectedMap, wantedUnprotected)) throw new WireError('CoseHeader')
  return ours
}

function decrypt(key, nonce, ciphertext, externalAad, protectedBytes) {
  if (ciphertext.length < 16) throw new WireError('FrameTag')
  const sealed = ciphertext.subarray(0, ciphertext.length - 16)
  const decipher = createDecipheriv('aes-128-ccm', key, nonce, { authTagLength: 16 })
  decipher.setAuthTag(ciphertext.subarray(ciphertext.length - 16))
  const associated = cborgEncode(['Encrypt0', Uint8Array.from(protectedBytes), externalAad])
  decipher.setAAD(associated, { plaintextLength: sealed.length })
  try {
    const plain = decipher.update(sealed)
    decipher.final()
    return plain
  } catch {
    throw new WireError('FrameTag')
  }
}

// A fresh Uint8Array, because cborg knows a Buffer by another name.
const plainBytes = (bytes) => Uint8Array.from(bytes)

function checkKid(kid) {
  if (!isBytes(kid, 14)) throw new WireError('FrameKid')
}

// ------------------------------------------------------------------------------------------------ section 2

export function openFrame(data, root) {
  if (data.length > 1280) throw new WireError('FrameTooLong')
  const [protectedBytes, unprotectedMap, ciphertext] = openArray(data, 16, [Uint8Array, Map, Uint8Array])
  headersOf(protectedBytes, unprotectedMap, 30n, [1n], [4n, 6n])
  const kid = unprotectedMap.get(4n)
  checkKid(kid)
  const partialIv = unprotectedMap.get(6n)
  const wellFormed = isBytes(partialIv) && partialIv.length >= 1 && partialIv.length <= 3 &&
    (partialIv.length === 1 || partialIv[0] !== 0)
  if (!wellFormed) throw new WireError('FramePartialIv')
  const sequence = BigInt('0x' + Buffer.from(partialIv).toString('hex'))
  if (sequence > SEQUENCE_MAX) throw new WireError('FramePartialIv')

  const { key, baseIv } = upOf(root, kid)
  const nonce = Buffer.from(baseIv)
  partialIv.forEach((byte, index) => { nonce[13 - partialIv.length + index] ^= byte })
  const external = cborgEncode(['sc-frame-1', 0, plainBytes(kid.subarray(0, 6)), plainBytes(kid.subarray(6))])
  const plain = decrypt(key, nonce, ciphertext, external, protectedBytes)
  const [behind, end] = decodeFirst(plain)
  if (!within(behind, 0n, sequence)) throw new WireError('FrameFloor')
  return {
    kid: Buffer.from(kid).toString('hex'),
    sequence: Number(sequence),
    floor: Number(sequence - behind),
    pack: plain.subarray(end).toString('hex')
  }
}

// ------------------------------------------------------------------------------------------------ section 3

export const isName = (value) => typeof value === 'string' && /^[a-z][a-z0-9_]{0,23}$/.test(value) && !value.includes('\n')
export const fitsText = (value) => typeof value === 'string' && text(value).length <= 256
export const fitsData = (value) => isBytes(value) && value.length <= 1024

/** [exponent, mantissa] of a decimal fraction that section 0 allows, or null. */
export function fraction(tag) {
  const parts = tag.value
  if (!Array.isArray(parts) || parts.length !== 2) return null
  const [exponent, mantissa] = parts
  if (!within(exponent, -12n, 6n) || exponent === 0n || !within(mantissa, ...INT64)) return null
  return [exponent, mantissa]
}

function timeMs(value) {
  let ms = null
  if (isInt(value)) ms = value * 1000n
  else if (value instanceof Tag && Array.isArray(value.value) && value.value.length === 2) {
    const [exponent, mantissa] = value.value
    if (exponent === -3n && isInt(mantissa) && mantissa % 1000n !== 0n) ms = mantissa
  }
  if (ms === null || ms > TIME_MAX || ms < -TIME_MAX) throw new WireError('SenmlTime')
  return ms
}

function valueOf(record) {
  const present = [2n, 3n, 4n, 8n].filter((label) => record.has(label))
  if (present.length !== 1) throw new WireError('SenmlValue')
  const label = present[0]
  const value = record.get(label)
  const wrongType = new WireError('SenmlShape')
  if (label === 3n) {
    if (typeof value !== 'string') throw wrongType
    if (!fitsText(value)) throw new WireError('SenmlValue')
    return { kind: 2, exponent: 0, value }
  }
  if (label === 4n) {
    if (typeof value !== 'boolean') throw wrongType
    return { kind: 1, exponent: 0, value }
  }
  if (label === 8n) {
    if (!isBytes(value)) throw wrongType
    if (!fitsData(value)) throw new WireError('SenmlValue')
    return { kind: 4, exponent: 0, value }
  }
  if (value instanceof Float) return { kind: 3, exponent: 0, value }
  if (isInt(value)) {
    if (!within(value, ...INT64)) throw new WireError('SenmlValue')
    return { kind: 0, exponent: 0, value }
  }
  if (!(value instanceof Tag)) throw wrongType
  const parts = fraction(value)
  if (parts === null) throw new WireError('SenmlValue')
  return { kind: 0, exponent: Number(parts[0]), value: parts[1] }
}

export function readPack(data) {
  const records = decode(data)
  if (!Array.isArray(records) || records.length < 1 || records.length > 64) throw new WireError('SenmlShape')
  if (!records.every((record) => record instanceof Map)) throw new WireError('SenmlShape')
  const everywhere = [0n, 1n, 2n, 3n, 4n, 6n, 8n]
  let boot = null
  let base = 0n
  let rowTime = 0n
  const out = records.map((record, index) => {
    const allowed = index === 0 ? [...everywhere, -3n, 'boot_'] : everywhere
    if (![...record.keys()].every((label) => allowed.includes(label))) throw new WireError('SenmlLabel')
    const name = record.get(0n)
    if (!isName(name)) throw new WireError('SenmlName')
    if (record.has(1n) && typeof record.get(1n) !== 'string') throw new WireError('SenmlShape')
    const value = valueOf(record)
    if (index === 0) [boot, base] = baseOf(record)
    const time = base + (record.has(6n) ? timeMs(record.get(6n)) : 0n)
    if (index === 0) rowTime = time
    const offset = time - rowTime
    if (!within(time, -TIME_MAX, TIME_MAX) || !within(offset, -TIME_MAX, TIME_MAX)) throw new WireError('SenmlTime')
    return {
      name,
      unit: record.has(1n) ? record.get(1n) : null,
      kind: value.kind,
      exponent: value.exponent,
      offset_ms: form(offset),
      value: form(value.value)
    }
  })
  return { boot, time_ms: form(rowTime), records: out }
}

function baseOf(first) {
  if (first.has(-3n) === first.has('boot_')) throw new WireError('SenmlTime')
  if (first.has(-3n)) return [null, timeMs(first.get(-3n))]
  const moment = first.get('boot_')
  if (!Array.isArray(moment) || moment.length !== 2 || !within(moment[0], 0n, UINT32_MAX)) throw new WireError('SenmlTime')
  return [Number(moment[0]), timeMs(moment[1])]
}

export function readWaveform(data) {
  const samples = []
  let sample = 0n
  for (let at = 0; at < data.length;) {
    let number = 0n
    let count = 0
    let byte
    do {
      if (at === data.length) throw new WireError('SenmlValue')
      byte = data[at++]
      number |= BigInt(byte & 127) << BigInt(7 * count++)
    } while (byte & 128)
    if ((count > 1 && byte === 0) || number >= 1n << 64n) throw new WireError('SenmlValue')
    sample += number % 2n === 0n ? number / 2n : -(number + 1n) / 2n
    if (!within(sample, ...INT64)) throw new WireError('SenmlValue')
    samples.push(sample)
  }
  return form(samples)
}

// ------------------------------------------------------------------------------------------------ section 4

export function openDown(data, root) {
  if (data.length > 1280) throw new WireError('FrameTooLong')
  const [protectedBytes, unprotectedMap, ciphertext] = openArray(data, 16, [Uint8Array, Map, Uint8Array])
  headersOf(protectedBytes, unprotectedMap, 30n, [1n], [4n, 5n, 10n])
  const iv = unprotectedMap.get(5n)
  const contextBytes = unprotectedMap.get(10n)
  if (!isBytes(iv, 13) || !isBytes(contextBytes)) throw new WireError('CoseHeader')
  const context = decode(contextBytes)
  if (!Array.isArray(context) || context.length !== 2) throw new WireError('CoseHeader')
  const [gatewayId, answered] = context
  if (!isGatewayId(gatewayId) || !within(answered, 0n, SEQUENCE_MAX)) throw new WireError('CoseHeader')
  const kid = unprotectedMap.get(4n)
  checkKid(kid)

  const node = plainBytes(kid.subarray(0, 6))
  const epoch = plainBytes(kid.subarray(6))
  const external = cborgEncode(['sc-frame-1', 1, node, epoch, gatewayId, Number(answered)])
  const plain = decode(decrypt(downOf(root, gatewayId, kid), iv, ciphertext, external, protectedBytes))
  const wrong = new WireError('DownShape')
  if (!(plain instanceof Map) || plain.size === 0) throw wrong
  if (![...plain.keys()].every((key) => within(key, 0n, 2n))) throw wrong
  const listed = (value, most) => {
    if (!Array.isArray(value) || value.length < 1 || value.length > most) throw wrong
    return value
  }
  const pair = (value, most) => {
    if (!Array.isArray(value) || value.length !== 2 || !value.every((part) => within(part, 0n, most))) throw wrong
    return value
  }
  let last = -1n
  const ranges = plain.has(0n) ? listed(plain.get(0n), 8).map((value) => pair(value, SEQUENCE_MAX)) : []
  for (const [from, to] of ranges) {
    if (from <= last || to < from) throw wrong
    last = to
  }
  const time = plain.has(1n) ? pair(plain.get(1n), TIME_MAX) : [null, null]
  const commands = plain.has(2n) ? listed(plain.get(2n), 8) : []
  for (const command of commands) {
    if (!Array.isArray(command) || command.length !== 3) throw wrong
    const [id, code, argument] = command
    if (!within(id, 0n, UINT32_MAX) || !within(code, 0n, 255n)) throw wrong
    const allowed = argument === null || isInt(argument) || typeof argument === 'boolean' || typeof argument === 'string'
    if (!allowed && !isBytes(argument)) throw wrong
  }
  return {
    kid: Buffer.from(kid).toString('hex'),
    gateway_id: gatewayId,
    answered_sequence: Number(answered),
    acknowledged: form(ranges),
    city_time_ms: form(time[0]),
    bound_ms: form(time[1]),
    commands: form(commands)
  }
}
