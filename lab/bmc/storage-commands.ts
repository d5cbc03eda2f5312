// The event log as Get SEL Info, Get SEL Entry and Get SEL Time tell it (spec protocols.md §1.7).
import type { EventLog, SupplyEvent } from '../model/event-log.ts'
import { CODE, type Command } from './command.ts'

const STORAGE = 0x0a
const RECORD_LENGTH = 16
const SYSTEM_EVENT = 0x02
const POWER_SUPPLY = 0x08
const SENSOR_SPECIFIC = 0x6f
const INPUT_LOST = 0x03
/** Sensor numbers of the supplies: this plus the number from 1. */
const FIRST_SENSOR = 0x50

const getSelInfo: Command = {
  netFn: STORAGE,
  command: 0x40,
  privilege: 2,
  length: 0,
  handle(_, { bmc }) {
    const { log } = bmc
    const entries = log.list().length
    const body = Buffer.alloc(14)
    body.writeUInt8(0x51, 0)
    body.writeUInt16LE(entries, 1)
    body.writeUInt16LE((log.capacity - entries) * RECORD_LENGTH, 3)
    body.writeUInt32LE(newestAtS(log), 5)
    body.writeUInt32LE(0xffffffff, 9)
    // Reserve SEL is supported, nothing else.
    body.writeUInt8(0x02, 13)
    return { code: CODE.ok, body }
  },
}

const reserveSel: Command = {
  netFn: STORAGE,
  command: 0x42,
  privilege: 2,
  length: 0,
  handle: () => ({ code: CODE.ok, body: Uint8Array.from([0x01, 0x00]) }),
}

const getSelEntry: Command = {
  netFn: STORAGE,
  command: 0x43,
  privilege: 2,
  length: 6,
  handle(body, { bmc }) {
    const found = bmc.log.find(body.readUInt16LE(2))
    if (!found) return { code: CODE.absent }
    const offset = body.readUInt8(4)
    const wanted = body.readUInt8(5)
    if (offset > RECORD_LENGTH) return { code: CODE.outOfRange }
    const end = wanted === 0xff ? RECORD_LENGTH : offset + wanted
    const next = Buffer.alloc(2)
    next.writeUInt16LE(found.nextId)
    return { code: CODE.ok, body: Buffer.concat([next, encode(found.event).subarray(offset, end)]) }
  },
}

const getSelTime: Command = {
  netFn: STORAGE,
  command: 0x48,
  privilege: 2,
  length: 0,
  handle(_, { bmc }) {
    const body = Buffer.alloc(4)
    body.writeUInt32LE(bmc.timeS)
    return { code: CODE.ok, body }
  },
}

function encode(event: SupplyEvent): Buffer {
  const record = Buffer.alloc(RECORD_LENGTH)
  record.writeUInt16LE(event.id, 0)
  record.writeUInt8(SYSTEM_EVENT, 2)
  record.writeUInt32LE(event.atS, 3)
  // Generator 20h: the BMC itself. Message format 04h: IPMI 1.5 and later.
  record.writeUInt16LE(0x0020, 7)
  record.writeUInt8(0x04, 9)
  record.writeUInt8(POWER_SUPPLY, 10)
  record.writeUInt8(FIRST_SENSOR + event.supply, 11)
  record.writeUInt8((event.lost ? 0 : 0x80) | SENSOR_SPECIFIC, 12)
  record.set([INPUT_LOST, 0xff, 0xff], 13)
  return record
}

function newestAtS(log: EventLog): number {
  return log.list().at(-1)?.atS ?? 0xffffffff
}

export const STORAGE_COMMANDS: readonly Command[] = [
  getSelInfo,
  reserveSel,
  getSelEntry,
  getSelTime,
]
