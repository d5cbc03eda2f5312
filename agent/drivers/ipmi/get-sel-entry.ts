import type { Command } from './command.ts'

export const FIRST_RECORD = 0x0000
export const LAST_RECORD = 0xffff
const RECORD_BYTES = 16

export interface SelEntry {
  record: number
  /** `LAST_RECORD` when there is none after it. */
  next: number
  bytes: Uint8Array
}

/**
 * Get SEL Entry, IPMI v1.5 §25.5 (spec protocols.md §1.7); the request is the record id. A whole record is
 * read, which needs no reservation.
 */
export const getSelEntry: Command<number, SelEntry> = {
  name: 'Get SEL Entry',
  netFn: 0x0a,
  code: 0x43,
  encode(record) {
    const body = Buffer.alloc(6)
    body.writeUInt16LE(record, 2)
    body.writeUInt8(0xff, 5)
    return body
  },
  decode(body) {
    if (body.length < 2 + RECORD_BYTES) return undefined
    const read = Buffer.from(body)
    const bytes = read.subarray(2, 2 + RECORD_BYTES)
    return { next: read.readUInt16LE(0), record: bytes.readUInt16LE(0), bytes }
  },
}
