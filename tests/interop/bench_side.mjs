// SPDX-FileCopyrightText: 2026 the startcity authors
// SPDX-License-Identifier: EUPL-1.2
//
// Sections 19 to 21 of docs/wire.md: sealed master, commissioning file, label. Written from that page.

import { createDecipheriv, createHash, createPrivateKey, createPublicKey, diffieHellman, hkdfSync } from 'node:crypto'
import { encode as cborgEncode } from 'cborg'
import { openSigned } from './city_side.mjs'
import { fitsText, isBytes, TIME_MAX, UINT32_MAX, within } from './node_side.mjs'
import { decode, decodeEnvelope, Tag, WireError } from './strict_cbor.mjs'

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const sha256 = (bytes) => createHash('sha256').update(bytes).digest()
const plain = (bytes) => Uint8Array.from(bytes)
const isProfile = (value) => typeof value === 'string' && /^[a-z0-9][a-z0-9-]{0,47}$/.test(value) && !value.includes('\n')
const isBench = (value) => typeof value === 'string' && /^[a-z0-9][a-z0-9-]{0,31}$/.test(value) && !value.includes('\n')

// RFC 8410: the fixed beginnings of a raw X25519 key in DER.
const privateKey = (raw) => createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), raw]), format: 'der', type: 'pkcs8' })
const publicKey = (raw) => createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), raw]), format: 'der', type: 'spki' })
const publicBytes = (key) => createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(12)

function headers(protectedBytes, unprotectedMap, algorithm, wanted) {
  const ours = protectedBytes.length ? decode(protectedBytes) : new Map()
  if (!(ours instanceof Map)) throw new WireError('CoseShape')
  if (ours.has(2n) || unprotectedMap.has(2n)) throw new WireError('CoseCrit')
  if (ours.get(1n) !== algorithm) throw new WireError('CoseAlgorithm')
  if (unprotectedMap.size || ours.size !== wanted.length || !wanted.every((label) => ours.has(label))) throw new WireError('CoseHeader')
  return ours
}

/** An opener: what stands in clear (checked by `readAbout`) and the plaintext. */
function openSealed(data, privateBytes, contentType, word, bytesMax, readAbout) {
  if (data.length > bytesMax) throw new WireError('CborTooLong')
  const item = decodeEnvelope(data)
  if (!(item instanceof Tag) || item.number !== 96n) throw new WireError('CoseTag')
  const parts = item.value
  const isBox = Array.isArray(parts) && parts.length === 4 && isBytes(parts[0]) && parts[1] instanceof Map && isBytes(parts[2]) &&
    Array.isArray(parts[3]) && parts[3].length === 1
  const recipient = isBox ? parts[3][0] : null
  if (!Array.isArray(recipient) || recipient.length !== 3 || !isBytes(recipient[0]) || !(recipient[1] instanceof Map) ||
      !isBytes(recipient[2], 0)) throw new WireError('CoseShape')
  const [protectedBytes, unprotectedMap, ciphertext] = parts
  const content = headers(protectedBytes, unprotectedMap, 3n, readAbout ? [1n, 3n, 5n, 'sc1'] : [1n, 3n, 5n])
  const theirs = headers(recipient[0], recipient[1], -25n, [1n, 4n, -1n])
  const [iv, keyId, point] = [content.get(5n), theirs.get(4n), theirs.get(-1n)]
  if (!isBytes(iv, 12) || !isBytes(keyId, 8)) throw new WireError('CoseHeader')
  if (content.get(3n) !== contentType) throw new WireError('CoseContentType')
  const isPoint = point instanceof Map && point.size === 3 && point.get(1n) === 1n && point.get(-1n) === 4n && isBytes(point.get(-2n), 32)
  if (!isPoint) throw new WireError('CoseHeader')
  const about = readAbout ? readAbout(content.get('sc1')) : {}

  const ours = privateKey(privateBytes)
  if (Buffer.compare(sha256(publicBytes(ours)).subarray(0, 8), keyId) !== 0) throw new WireError('SealedRecipient')
  let shared
  try {
    shared = diffieHellman({ privateKey: ours, publicKey: publicKey(Buffer.from(point.get(-2n))) })
  } catch {
    throw new WireError('SealedKey')
  }
  const nobody = [null, null, null]
  const info = cborgEncode([3, nobody, nobody, [256, plain(recipient[0]), plain(Buffer.from(`sc1 ${word}`))]])
  const key = Buffer.from(hkdfSync('sha256', shared, Buffer.alloc(0), info, 32))
  const aad = cborgEncode(['Encrypt', plain(protectedBytes), cborgEncode(['sc1', word])])
  if (ciphertext.length < 16) throw new WireError('SealedTag')
  const decipher = createDecipheriv('aes-256-gcm', key, iv).setAAD(aad).setAuthTag(ciphertext.subarray(-16))
  try {
    return { about, plaintext: Buffer.concat([decipher.update(ciphertext.subarray(0, -16)), decipher.final()]) }
  } catch {
    throw new WireError('SealedTag')
  }
}

export function openMaster(data, privateBytes) {
  const check = (right) => { if (!right) throw new WireError('MasterShape') }
  const { about, plaintext } = openSealed(data, privateBytes, 65009n, 'master', 512, (fields) => {
    check(Array.isArray(fields) && fields.length === 5 && fields[0] === 1n)
    const [, node, profile, madeAt, bench] = fields
    check(isBytes(node, 6) && isProfile(profile) && within(madeAt, 0n, TIME_MAX) && isBench(bench))
    return { node: hex(node), profile, made_at_ms: Number(madeAt), bench }
  })
  check(plaintext.length === 16)
  return { ...about, master: hex(plaintext) }
}

const MIB = 1 << 20

export function openCommission(data, privateBytes, vaultBytes) {
  const { plaintext } = openSealed(data, privateBytes, 65010n, 'commission', MIB, null)
  const keys = [0, 1, 8, 17, 20]
  return openSigned(plaintext, vaultBytes, 65010n, 'commission', 'CommissionShape', keys, (field, check) => {
    check(within(field(8), 0n, TIME_MAX) && within(field(17), 1n, TIME_MAX))
    const rows = field(20)
    check(Array.isArray(rows) && rows.length >= 1 && rows.length <= 4096)
    let before = null
    const nodes = rows.map((row) => {
      check(Array.isArray(row) && row.length === 6)
      const [node, profile, generation, root, name, place] = row
      check(isBytes(node, 6) && isProfile(profile) && within(generation, 0n, UINT32_MAX) && isBytes(root, 16))
      check(fitsText(name) && fitsText(place))
      return [hex(node), profile, Number(generation), hex(root), name, place]
    })
    for (const node of nodes) {
      check(before === null || before[0] < node[0] || (before[0] === node[0] && before[2] < node[2]))
      before = node
    }
    return { issued_at_ms: Number(field(8)), serial: Number(field(17)), nodes }
  }, MIB)
}

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

export function readLabel(text) {
  // eslint-disable-next-line no-control-regex
  const line = /^[\x00-\x7f]*$/.test(text) ? text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '').toUpperCase() : ''
  const found = line.length <= 128 ? /^SC([0-9]{1,3}):(.*)$/.exec(line) : null
  if (found === null || line.includes('\n')) throw new WireError('LabelForm')
  if (found[1] !== '1') throw new WireError('LabelVersion')
  const parts = found[2].split(':')
  if (parts.length !== 4 || !/^[0-9A-F]{12}$/.test(parts[0]) || !isProfile(parts[1].toLowerCase())) throw new WireError('LabelForm')
  const [root, check] = parts.slice(2).map((part) => part.replace(/[IL]/g, '1').replace(/O/g, '0'))
  const fits = (part, length) => part.length === length && [...part].every((letter) => ALPHABET.includes(letter))
  if (!fits(root, 26) || !fits(check, 4)) throw new WireError('LabelForm')
  const first = sha256(Buffer.from(`SC1:${parts[0]}:${parts[1]}:${root}`)).readUIntBE(0, 3) >> 4
  const expected = [15, 10, 5, 0].map((shift) => ALPHABET[(first >> shift) & 31]).join('')
  if (check !== expected) throw new WireError('LabelCheck')
  const number = [...root].reduce((sum, letter) => sum * 32n + BigInt(ALPHABET.indexOf(letter)), 0n)
  if (number >= 1n << 128n) throw new WireError('LabelForm')
  return { node: parts[0].toLowerCase(), profile: parts[1].toLowerCase(), claim_root: number.toString(16).padStart(32, '0') }
}
