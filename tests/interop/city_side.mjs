// SPDX-FileCopyrightText: 2026 the startcity authors
// SPDX-License-Identifier: EUPL-1.2
//
// Sections 5 to 9 and 15 to 18 of docs/wire.md: batch, body, receipt, state, gap, command, answer, key change, resend.
// Written from that page.

import { createHash, createPublicKey, verify } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { encode as cborgEncode } from 'cborg'
import {
  fitsData, fitsText, fraction, headersOf, INT64, isBytes, isGatewayId, isInt, isName, openArray, SEQUENCE_MAX,
  TIME_MAX, UINT32_MAX, within
} from './node_side.mjs'
import { decode, Float, form, Tag, WireError } from './strict_cbor.mjs'

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const sha256 = (bytes) => createHash('sha256').update(bytes).digest()
const NUMBER_MAX = (1n << 53n) - 1n
const MIB = 1 << 20
const isZero = (bytes) => bytes.every((byte) => byte === 0)

function ed25519(publicBytes) {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicBytes.toString('base64url') }, format: 'jwk' })
}

/** Envelope, headers, payload and signature of one kind; `read` checks the payload's own fields. */
export function openSigned(data, publicBytes, contentType, word, error, keys, read, bytesMax = 65536) {
  if (data.length > bytesMax) throw new WireError('CborTooLong')
  const parts = openArray(data, 18, [Uint8Array, Map, Uint8Array, Uint8Array])
  const [protectedBytes, unprotectedMap, payload, signature] = parts
  const ours = headersOf(protectedBytes, unprotectedMap, -19n, [1n, 3n, 4n], [])
  const keyId = ours.get(4n)
  if (!isBytes(keyId, 8)) throw new WireError('CoseHeader')
  if (ours.get(3n) !== contentType) throw new WireError('CoseContentType')

  const map = decode(payload)
  const check = (right) => { if (!right) throw new WireError(error) }
  check(map instanceof Map && map.size === keys.length && keys.every((key) => map.has(BigInt(key))))
  const field = (key) => map.get(BigInt(key))
  check(field(0) === 1n && isGatewayId(field(1)))
  const meaning = { gateway_id: field(1), ...read(field, check, keyId) }

  const external = cborgEncode(['sc1', word, meaning.gateway_id])
  const signed = cborgEncode(['Signature1', ...[protectedBytes, external, payload].map((part) => Uint8Array.from(part))])
  if (Buffer.compare(sha256(publicBytes).subarray(0, 8), keyId) !== 0 ||
      !verify(null, signed, ed25519(publicBytes), signature)) {
    throw new WireError('SignatureInvalid')
  }
  return meaning
}

function series(field, check, lowest = 1n) {
  check(within(field(2), 0n, 2n))
  check(isBytes(field(3), 8))
  check(within(field(4), lowest, NUMBER_MAX))
  check(isBytes(field(5), 32))
  return { lane: Number(field(2)), instance: hex(field(3)), number: Number(field(4)), link: hex(field(5)) }
}

function clock(field, check) {
  check(isBytes(field(6), 8))
  check(within(field(7), 0n, TIME_MAX))
  check(within(field(9), 0n, 2n))
  if (field(9) === 0n) check(field(8) === null && field(10) === null)
  else {
    check(within(field(8), 0n, TIME_MAX))
    check(field(10) === null || within(field(10), 0n, UINT32_MAX))
  }
  return {
    boot_id: hex(field(6)),
    monotonic_ms: Number(field(7)),
    wall_ms: form(field(8)),
    clock_state: Number(field(9)),
    bound_s: form(field(10))
  }
}

export function openBatch(data, publicBytes) {
  let body
  const meaning = openSigned(data, publicBytes, 65001n, 'batch', 'BatchShape', [...Array(13).keys()], (field, check) => {
    const place = series(field, check)
    check(place.number > 1 || isZero(field(5)))
    check(within(field(11), 0n, 1n))
    body = field(12)
    check(isBytes(body))
    return { ...place, ...clock(field, check), encoding: Number(field(11)) }
  })
  if (meaning.encoding === 1) body = inflated(body)
  return { ...meaning, body_sha256: hex(sha256(body)), link_of: hex(sha256(data)) }
}

function inflated(packed) {
  try {
    const { buffer, engine } = inflateRawSync(packed, { info: true, maxOutputLength: MIB })
    if (engine.bytesWritten !== packed.length) throw new Error('bytes after the end')
    return buffer
  } catch {
    throw new WireError('BodyTooLong')
  }
}

export function openReceipt(data, publicBytes) {
  return openSigned(data, publicBytes, 65002n, 'receipt', 'ReceiptShape', [0, 1, 2, 3, 4, 5],
    (field, check) => series(field, check))
}

export function openState(data, publicBytes) {
  return openSigned(data, publicBytes, 65003n, 'state', 'StateShape', [0, 1, 6, 7, 8, 9, 10, 13, 14], (field, check) => {
    const heads = readHeads(field(13), check)
    check(typeof field(14) === 'boolean')
    return { ...clock(field, check), heads, online: field(14) }
  })
}

function readHeads(heads, check) {
  check(Array.isArray(heads))
  let before = -1n
  for (const head of heads) {
    check(Array.isArray(head) && head.length === 4)
    const [lane, instance, number, link] = head
    check(within(lane, 0n, 2n) && lane > before)
    before = lane
    check(isBytes(instance, 8) && within(number, 0n, NUMBER_MAX) && isBytes(link, 32))
    check(number > 0n || isZero(link))
  }
  return heads.map(([lane, instance, number, link]) => [Number(lane), hex(instance), Number(number), hex(link)])
}

export function openGap(data, publicBytes) {
  const keys = [0, 1, 2, 3, 4, 5, 15, 16]
  const meaning = openSigned(data, publicBytes, 65004n, 'gap', 'GapShape', keys, (field, check) => {
    const { lane, instance, number, link } = series(field, check)
    check(within(field(15), 1n, field(4)))
    check(within(field(16), 0n, 2n))
    return { lane, instance, first: Number(field(15)), last: number, link, reason: Number(field(16)) }
  })
  return { ...meaning, link_of: hex(sha256(data)) }
}

// ---------------------------------------------------------------------------------------------- sections 15 to 18

const textBytes = (value) => Buffer.byteLength(value, 'utf8')

export function openCommand(data, publicBytes) {
  const keys = [0, 1, 6, 17, 18, 19, 20, 21]
  return openSigned(data, publicBytes, 65005n, 'command', 'CommandShape', keys, (field, check) => {
    check(isBytes(field(6), 8))
    check(within(field(17), 1n, NUMBER_MAX) && within(field(18), 0n, TIME_MAX) && within(field(19), 0n, 255n))
    const [code, node, argument] = [field(19), field(20), field(21)]
    check(code < 64n ? isBytes(node, 6) : node === null)
    check(argument === null || typeof argument === 'boolean' || within(argument, ...INT64) ||
      (typeof argument === 'string' && textBytes(argument) <= 256) || (isBytes(argument) && argument.length <= 800))
    return {
      boot_id: hex(field(6)), number: Number(field(17)), last_ms: Number(field(18)), code: Number(code),
      node: node === null ? null : hex(node), argument: form(argument)
    }
  })
}

export function openAnswer(data, publicBytes) {
  const keys = [0, 1, 6, 7, 8, 9, 10, 17, 18, 19, 20, 21, 22, 23]
  return openSigned(data, publicBytes, 65006n, 'answer', 'AnswerShape', keys, (field, check) => {
    check(within(field(17), 1n, NUMBER_MAX) && within(field(18), 0n, NUMBER_MAX) && within(field(19), 0n, 5n))
    const [reason, result] = [field(20), field(21)]
    check(typeof reason === 'string' && textBytes(reason) <= 256)
    check(result === null || within(result, ...INT64) || (typeof result === 'string' && textBytes(result) <= 49152) ||
      (isBytes(result) && result.length <= 49152))
    check(isBytes(field(22), 32) && isBytes(field(23), 8))
    return {
      ...clock(field, check), number: Number(field(17)), highest: Number(field(18)), state: Number(field(19)), reason,
      result: form(result), digest: hex(field(22)), operator: hex(field(23))
    }
  })
}

export function openKeyChange(data, publicBytes) {
  const keys = [0, 1, 6, 7, 8, 9, 10, 13, 22, 23]
  return openSigned(data, publicBytes, 65007n, 'key', 'KeyShape', keys, (field, check, oldKeyId) => {
    const heads = readHeads(field(13), check)
    check(heads.length === 3)
    const [newPublic, proof] = [field(22), field(23)]
    check(isBytes(newPublic, 32) && isBytes(proof, 64))
    const meaning = { ...clock(field, check), heads, new_public: hex(newPublic) }
    check(Buffer.compare(sha256(newPublic).subarray(0, 8), oldKeyId) !== 0)
    const parts = ['sc1', 'key proof', field(1), Uint8Array.from(oldKeyId), Uint8Array.from(newPublic)]
    let agreed = false
    try {
      agreed = verify(null, cborgEncode(parts), ed25519(Buffer.from(newPublic)), proof)
    } catch { /* no point of the curve */ }
    if (!agreed) throw new WireError('SignatureInvalid')
    return meaning
  })
}

export function openResend(data, publicBytes) {
  const keys = [0, 1, 2, 3, 4, 5, 6, 17]
  return openSigned(data, publicBytes, 65008n, 'resend', 'ResendShape', keys, (field, check) => {
    const place = series(field, check, 0n)
    check(place.number > 0 || isZero(field(5)))
    check(isBytes(field(6), 8) && within(field(17), 1n, NUMBER_MAX))
    return { ...place, boot_id: hex(field(6)), request: Number(field(17)) }
  })
}

// ------------------------------------------------------------------------------------------------ section 6

function check(right) {
  if (!right) throw new WireError('BodyShape')
}

const areInts = (value, count) => Array.isArray(value) && value.every(isInt) && (count === undefined || value.length === count)
const int64 = (value) => { check(within(value, ...INT64)); return value }

/** Undo differences down a column. */
function summed(column) {
  let total = 0n
  return column.map((step) => (total += step))
}

/** A node table: its age in batches, the kids by index, and of each group the last row of each node. */
export const emptyTable = () => ({ age: 0, kids: [], groups: new Map() })

/** What a body means and the table after it; `table` itself stays as it is. */
export function readBody(data, table) {
  if (data.length > MIB) throw new WireError('BodyTooLong')
  const map = decode(data)
  check(map instanceof Map && [0n, 1n, 2n].every((key) => map.has(key)))
  check([...map.keys()].every((key) => within(key, 0n, 4n)))
  const age = map.get(0n)
  const added = map.get(1n)
  check(within(age, 0n, 63n))
  check(Array.isArray(added) && added.every((kid) => isBytes(kid, 14)))
  if (age !== 0n && age !== BigInt(table.age)) throw new WireError('TableMissing')
  const before = age === 0n ? emptyTable() : table
  const kids = [...before.kids, ...added.map(hex)]
  check(new Set(kids).size === kids.length)

  check(Array.isArray(map.get(2n)))
  const groups = map.get(2n).map((group) => readGroup(group, kids, before))
  const kinds = groups.map((group) => group.identity)
  check(new Set(kinds).size === kinds.length)
  const frames = groups.flatMap((group) => group.frames)
  const listed = (key) => {
    if (!map.has(key)) return []
    check(Array.isArray(map.get(key)) && map.get(key).length > 0)
    return map.get(key)
  }
  const opaque = listed(3n).map((item) => readOpaque(item, kids))
  const own = listed(4n).map(readOwn)
  check(frames.length + opaque.length <= 4096)

  const after = { age: Number(age) + 1, kids, groups: new Map(before.groups) }
  for (const { identity, last } of groups) after.groups.set(identity, last)
  const rows = [...after.groups.values()].reduce((count, last) => count + last.size, 0)
  check(kids.length <= 16384 && rows <= 16384)
  return { body: { frames, opaque, own }, table: after }
}

/** The table as the vectors write it. */
export function tableForm(table) {
  const groups = [...table.groups].map(([identity, last]) => {
    const [fields, timed] = JSON.parse(identity)
    const rows = [...last].sort(([one], [other]) => Number(one - other)).map(([node, row]) => [node, ...row].map(form))
    return { fields: fields.map(({ name, unit, kind, exponent }) => [name, unit, kind, exponent]), timed, rows }
  })
  return { age: table.age, kids: table.kids, groups }
}

function readField(item) {
  check(Array.isArray(item) && item.length === 4)
  const [name, unit, kind, exponent] = item
  check(isName(name) && (unit === null || typeof unit === 'string'))
  check(within(kind, 0n, 4n))
  check(kind === 0n ? within(exponent, -12n, 6n) : exponent === 0n)
  return { name, unit, kind: Number(kind), exponent: Number(exponent) }
}

function readGroup(group, kids, table) {
  check(Array.isArray(group) && group.length === 8)
  const [shape, timed, step, nodeSteps, sequenceSteps, timeSteps, bootSteps, columns] = group
  check(Array.isArray(shape) && shape.length >= 1 && shape.length <= 64)
  const fields = shape.map(readField)
  check(within(timed, 0n, 1n) && (step === 1n || step === 1000n))
  const count = Array.isArray(nodeSteps) ? nodeSteps.length : 0
  check(count > 0 && areInts(nodeSteps) && areInts(sequenceSteps, count) && areInts(timeSteps, count))
  check(areInts(bootSteps, timed === 1n ? count : 0))

  const nodes = summed(nodeSteps)
  check(Array.isArray(columns) && columns.length === fields.length)
  const read = columns.map((column, place) => readColumn(column, fields[place], count, step))
  check(read[0].offsets.every((offset) => offset === 0n))
  const timeDifferences = timeSteps.map((difference) => difference * step)
  const isWhole = [...timeDifferences, ...read.flatMap((column) => column.offsets)].every((ms) => ms % 1000n === 0n)
  check(step === (isWhole ? 1000n : 1n))

  const identity = JSON.stringify([fields, Number(timed)])
  const last = new Map(table.groups.get(identity))
  const written = [sequenceSteps, timeDifferences, ...(timed === 1n ? [bootSteps] : [])]
  for (const [place, { kind }] of fields.entries()) if (kind === 0) written.push(read[place].values)
  const rows = []
  nodes.forEach((node, row) => {
    check(within(node, 0n, BigInt(kids.length) - 1n) && (row === 0 || node >= nodes[row - 1]))
    const isSameNode = row > 0 && node === nodes[row - 1]
    if (isSameNode) check(sequenceSteps[row] > 0n)
    // The node's last row, else the row before in the column, which lends everything but its sequence.
    const neighbour = row > 0 ? rows[row - 1] : written.map(() => 0n)
    const before = last.get(node) ?? [0n, ...neighbour.slice(1)]
    rows.push(written.map((column, place) => int64(before[place] + column[row])))
    last.set(node, rows[row])
  })
  const [sequences, times] = [0, 1].map((place) => rows.map((numbers) => numbers[place]))
  check(sequences.every((sequence) => within(sequence, 0n, SEQUENCE_MAX)))
  const boots = rows.map((numbers) => (timed === 1n ? numbers[2] : null))
  check(boots.every((boot) => boot === null || within(boot, 0n, UINT32_MAX)))
  let place = timed === 1n ? 3 : 2
  for (const [at, { kind }] of fields.entries()) {
    if (kind !== 0) continue
    const own = place++
    read[at].values = rows.map((numbers) => numbers[own])
  }

  const frames = nodes.map((node, row) => ({
    kid: kids[Number(node)],
    sequence: Number(sequences[row]),
    pack: {
      boot: timed === 1n ? Number(boots[row]) : null,
      time_ms: form(times[row]),
      records: fields.map((field, place) => ({
        ...field,
        offset_ms: form(read[place].offsets[row]),
        value: form(read[place].values[row])
      }))
    }
  }))
  return { identity, frames, last }
}

function readColumn(column, field, count, step) {
  check(Array.isArray(column) && column.length === 2)
  let [offsets, values] = column
  if (isInt(offsets)) offsets = Array(count).fill(offsets)
  else {
    check(areInts(offsets, count))
    check(offsets.some((offset) => offset !== offsets[0]))
  }
  return { offsets: offsets.map((offset) => int64(offset * step)), values: readValues(values, field.kind, count) }
}

function readValues(values, kind, count) {
  switch (kind) {
    case 0:
      check(areInts(values, count))
      return values // differences, which the rows' nodes tell how to undo
    case 1:
      check(isBytes(values, count) && values.every((byte) => byte < 2))
      return [...values].map((byte) => byte === 1)
    case 3: {
      check(isBytes(values, 8 * count))
      const view = new DataView(values.buffer, values.byteOffset, values.length)
      return Array.from({ length: count }, (_, row) => {
        const value = view.getFloat64(8 * row)
        check(Number.isFinite(value))
        return new Float(value)
      })
    }
    default:
      check(Array.isArray(values) && values.length === count)
      check(values.every(kind === 2 ? fitsText : fitsData))
      return values
  }
}

function readOpaque(item, kids) {
  check(Array.isArray(item) && item.length === 4)
  const [node, sequence, reason, pack] = item
  check(within(node, 0n, BigInt(kids.length) - 1n) && within(sequence, 0n, SEQUENCE_MAX) && within(reason, 0n, 3n))
  check(isBytes(pack) && pack.length <= 1280)
  return { kid: kids[Number(node)], sequence: Number(sequence), reason: Number(reason), pack: hex(pack) }
}

function readOwn(item) {
  check(Array.isArray(item) && item.length === 3)
  const [name, time, value] = item
  check(isName(name) && (time === null || within(time, ...INT64)))
  if (value instanceof Tag) {
    const parts = fraction(value)
    check(parts !== null)
    return { name, time_ms: form(time), value: { fraction: form(parts) } }
  }
  check(within(value, ...INT64) || typeof value === 'boolean' || fitsText(value) || fitsData(value))
  return { name, time_ms: form(time), value: form(value) }
}
