// The little of BER that SNMP needs (RFC 3417 §8): definite lengths, low tags.

export const TAG = {
  integer: 0x02,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  counter32: 0x41,
  timeTicks: 0x43,
  noSuchObject: 0x80,
  noSuchInstance: 0x81,
  endOfMibView: 0x82,
} as const

export type Oid = readonly number[]

/** Thrown on bytes that are no BER, or not what was expected; a device drops such a datagram. */
export class MalformedBer extends Error {}

const OID_PARTS_MAX = 128

export class BerReader {
  readonly bytes: Buffer
  /** Where `bytes` begins in the datagram. */
  readonly base: number
  #at = 0

  constructor(bytes: Buffer, base = 0) {
    this.bytes = bytes
    this.base = base
  }

  get done(): boolean {
    return this.#at >= this.bytes.length
  }

  /** The next element, with where its contents begin in the datagram. */
  next(): { tag: number; contents: Buffer; at: number } {
    const tag = this.#byte()
    const length = this.#length()
    const from = this.#at
    if (from + length > this.bytes.length) throw new MalformedBer('an element ends too early')
    this.#at = from + length
    return { tag, contents: this.bytes.subarray(from, this.#at), at: this.base + from }
  }

  take(tag: number): { contents: Buffer; at: number } {
    const element = this.next()
    if (element.tag !== tag) throw new MalformedBer(`expected tag ${tag}, found ${element.tag}`)
    return element
  }

  sequence(tag: number = TAG.sequence): BerReader {
    const { contents, at } = this.take(tag)
    return new BerReader(contents, at)
  }

  integer(): number {
    return decodeInteger(this.take(TAG.integer).contents)
  }

  octets(): Buffer {
    return this.take(TAG.octets).contents
  }

  oid(): Oid {
    return decodeOid(this.take(TAG.oid).contents)
  }

  #byte(): number {
    const byte = this.bytes[this.#at]
    if (byte === undefined) throw new MalformedBer('an element is missing')
    this.#at++
    return byte
  }

  #length(): number {
    const first = this.#byte()
    if (first < 0x80) return first
    const count = first & 0x7f
    if (count === 0 || count > 4) throw new MalformedBer('an unusable length')
    let length = 0
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte()
    return length
  }
}

export function decodeInteger(contents: Buffer): number {
  if (contents.length < 1 || contents.length > 5) throw new MalformedBer('an unusable integer')
  return contents.readIntBE(0, contents.length)
}

export function decodeOid(contents: Buffer): Oid {
  const parts: number[] = []
  let part = 0
  let open = false
  for (const byte of contents) {
    part = part * 128 + (byte & 0x7f)
    if (part > 0xffffffff) throw new MalformedBer('an OID part over 32 bits')
    open = (byte & 0x80) !== 0
    if (open) continue
    if (parts.length === 0) {
      const first = Math.min(2, Math.floor(part / 40))
      parts.push(first, part - 40 * first)
    } else parts.push(part)
    part = 0
    if (parts.length > OID_PARTS_MAX) throw new MalformedBer('an OID of too many parts')
  }
  if (open || parts.length === 0) throw new MalformedBer('an OID ends too early')
  return parts
}

export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents)
  return Buffer.concat([Buffer.from([tag, ...encodeLength(body.length)]), body])
}

export function integer(value: number, tag: number = TAG.integer): Buffer {
  const bytes = Buffer.alloc(6)
  bytes.writeIntBE(value, 0, 6)
  let from = 0
  while (from < 5 && redundant(bytes.readUInt8(from), bytes.readUInt8(from + 1))) from++
  return element(tag, bytes.subarray(from))
}

export function octets(value: Uint8Array | string): Buffer {
  return element(TAG.octets, typeof value === 'string' ? Buffer.from(value, 'utf8') : value)
}

export function oid(parts: Oid): Buffer {
  const [first = 0, second = 0, ...rest] = parts
  return element(TAG.oid, Buffer.from([first * 40 + second, ...rest].flatMap(base128)))
}

function base128(part: number): number[] {
  const digits = [part % 128]
  for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128)) {
    digits.unshift((left % 128) | 0x80)
  }
  return digits
}

/** A leading byte that says nothing which the sign of the next one does not say. */
function redundant(byte: number, following: number): boolean {
  return (byte === 0x00 && following < 0x80) || (byte === 0xff && following >= 0x80)
}

function encodeLength(length: number): number[] {
  if (length < 0x80) return [length]
  if (length < 0x100) return [0x81, length]
  return [0x82, length >> 8, length & 0xff]
}
