// SPDX-FileCopyrightText: 2026 the startcity authors
// SPDX-License-Identifier: EUPL-1.2
//
// node check.mjs FOLDER: reads every vector file of FOLDER and compares. Prints one line a disagreement and a last
// line of JSON with the counts; exit code 1 if there is any disagreement, or a file that nobody here can read.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { decode as cborgDecode, Tagged } from 'cborg'
import { openCommission, openMaster, readLabel } from './bench_side.mjs'
import {
  emptyTable, openAnswer, openBatch, openCommand, openGap, openKeyChange, openReceipt, openResend, openState, readBody, tableForm
} from './city_side.mjs'
import { downOf, openDown, openFrame, readPack, readWaveform, rootOf, upOf } from './node_side.mjs'
import { decode, Float, form, Tag, WireError } from './strict_cbor.mjs'

const bytes = (text) => Buffer.from(text, 'hex')

/** What a reader of ours made of a value, in the types that cborg uses, so that both can be compared. */
function asCborg(value) {
  if (typeof value === 'bigint') {
    const small = value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER)
    return small ? Number(value) : value
  }
  if (value instanceof Float) return value.value
  if (typeof value === 'string') return value.replace(/^\ufeff/, '') // cborg drops a leading byte order mark
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (value instanceof Tag) return ['tag', Number(value.number), asCborg(value.value)]
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [asCborg(key), asCborg(item)]))
  return Array.isArray(value) ? value.map(asCborg) : value
}

function plain(value) {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (value instanceof Tagged) return ['tag', value.tag, plain(value.value)]
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [plain(key), plain(item)]))
  return Array.isArray(value) ? value.map(plain) : value
}

function readCbor(item) {
  const raw = bytes(item.hex)
  const value = decode(raw)
  const options = { strict: true, useMaps: true, rejectDuplicateMapKeys: true, allowIndefinite: false, tags: Tagged.preserve(4) }
  const second = plain(cborgDecode(Uint8Array.from(raw), options))
  if (!isDeepStrictEqual(asCborg(value), second)) throw new Error('cborg reads another value')
  return { value: form(value) }
}

function readKeys(item) {
  const root = rootOf(bytes(item.master), item.generation)
  const kid = bytes(item.kid)
  const up = upOf(root, kid)
  return {
    root: root.toString('hex'),
    up_key: up.key.toString('hex'),
    base_iv: up.baseIv.toString('hex'),
    down_key: downOf(root, item.gateway_id, kid).toString('hex')
  }
}

/** A body after those that its table was built by. */
function readBodies(item) {
  const table = item.before.reduce((known, text) => readBody(bytes(text), known).table, emptyTable())
  const known = JSON.stringify(tableForm(table))
  try {
    const { body, table: after } = readBody(bytes(item.hex), table)
    return { body, table_after: tableForm(after) }
  } finally {
    if (JSON.stringify(tableForm(table)) !== known) throw new Error('the table before was changed')
  }
}

const signed = (open) => (item) => open(bytes(item.hex), bytes(item.public_key))

const readers = {
  cbor: readCbor,
  keys: readKeys,
  pack: (item) => ({ pack: readPack(bytes(item.hex)) }),
  waveform: (item) => ({ samples: readWaveform(bytes(item.hex)) }),
  frame: (item) => openFrame(bytes(item.frame), bytes(item.root)),
  down: (item) => openDown(bytes(item.down), bytes(item.root)),
  body: readBodies,
  batch: signed(openBatch),
  receipt: signed(openReceipt),
  state: signed(openState),
  gap: signed(openGap),
  command: signed(openCommand),
  answer: signed(openAnswer),
  key: signed(openKeyChange),
  resend: signed(openResend),
  master: (item) => openMaster(bytes(item.hex), bytes(item.private_key)),
  commission: (item) => openCommission(bytes(item.hex), bytes(item.private_key), bytes(item.public_key)),
  label: (item) => readLabel(item.text)
}

const inputs = new Set(['name', 'hex', 'root', 'frame', 'down', 'public_key', 'private_key', 'text', 'before', 'master', 'generation'])

/** Null if we agree with the vector, else what we say. */
function disagreement(kind, item) {
  let meaning
  try {
    meaning = readers[kind](item)
  } catch (error) {
    if (!(error instanceof WireError)) return `broke: ${error.stack}`
    return error.wireName === item.error ? null : `refused as ${error.wireName}`
  }
  if ('error' in item) return `accepted ${JSON.stringify(meaning).slice(0, 200)}`
  for (const [key, expected] of Object.entries(item)) {
    if (inputs.has(key) || (kind === 'keys' && !(key in meaning))) continue
    if (!isDeepStrictEqual(meaning[key], expected)) return `${key} is ${JSON.stringify(meaning[key])}`
  }
  return null
}

const folder = process.argv[2]
const counts = {}
let disagreements = 0
for (const file of readdirSync(folder).filter((name) => name.endsWith('.json')).sort()) {
  const kind = file.slice(0, -5)
  if (!(kind in readers)) {
    console.log(`${file}: nobody here reads it`)
    disagreements++
    continue
  }
  const { items } = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  counts[kind] = { good: 0, bad: 0 }
  for (const item of items) {
    counts[kind]['error' in item ? 'bad' : 'good']++
    const problem = disagreement(kind, item)
    if (problem === null) continue
    disagreements++
    console.log(`${kind}: ${item.name}: expected ${item.error ?? 'its meaning'}, ${problem}`)
  }
}
console.log(JSON.stringify({ disagreements, counts }))
process.exit(disagreements ? 1 : 0)
