// Requests and responses of SNMP, common to all three versions (RFC 3416 §3).
import {
  BerReader,
  decodeInteger,
  decodeOid,
  element,
  integer,
  MalformedBer,
  type Oid,
  octets,
  oid,
  TAG,
} from './ber.ts'

export const UNIT = {
  get: 0xa0,
  getNext: 0xa1,
  response: 0xa2,
  set: 0xa3,
  getBulk: 0xa5,
  report: 0xa8,
} as const

export type Value =
  | { type: 'integer'; value: number }
  | { type: 'octets'; value: Buffer }
  | { type: 'oid'; value: Oid }
  | { type: 'timeTicks'; value: number }
  | { type: 'counter32'; value: number }
  | { type: 'null' }
  | { type: 'noSuchObject' }
  | { type: 'noSuchInstance' }
  | { type: 'endOfMibView' }
  /** Something that no object of ours can hold. */
  | { type: 'foreign' }

export interface Varbind {
  oid: Oid
  value: Value
}

export interface ProtocolUnit {
  type: number
  requestId: number
  /** Non-repeaters in a GetBulk request. */
  errorStatus: number
  /** Max-repetitions in a GetBulk request. */
  errorIndex: number
  varbinds: Varbind[]
}

const VARBINDS_MAX = 128

/** Throws MalformedBer. */
export function parseUnit(reader: BerReader): ProtocolUnit {
  const { tag, contents, at } = reader.next()
  const fields = new BerReader(contents, at)
  const requestId = fields.integer()
  const errorStatus = fields.integer()
  const errorIndex = fields.integer()
  const list = fields.sequence()
  const varbinds: Varbind[] = []
  while (!list.done) {
    if (varbinds.length === VARBINDS_MAX) throw new MalformedBer('too many variables')
    const pair = list.sequence()
    varbinds.push({ oid: pair.oid(), value: parseValue(pair) })
  }
  return { type: tag, requestId, errorStatus, errorIndex, varbinds }
}

export function buildUnit(unit: ProtocolUnit): Buffer {
  const varbinds = unit.varbinds.map((varbind) =>
    element(TAG.sequence, oid(varbind.oid), buildValue(varbind.value)),
  )
  return element(
    unit.type,
    integer(unit.requestId),
    integer(unit.errorStatus),
    integer(unit.errorIndex),
    element(TAG.sequence, ...varbinds),
  )
}

function parseValue(reader: BerReader): Value {
  const { tag, contents } = reader.next()
  if (tag === TAG.integer) return { type: 'integer', value: decodeInteger(contents) }
  if (tag === TAG.octets) return { type: 'octets', value: contents }
  if (tag === TAG.oid) return { type: 'oid', value: decodeOid(contents) }
  return tag === TAG.null ? { type: 'null' } : { type: 'foreign' }
}

function buildValue(value: Value): Buffer {
  switch (value.type) {
    case 'integer':
      return integer(value.value)
    case 'octets':
      return octets(value.value)
    case 'oid':
      return oid(value.value)
    case 'timeTicks':
    case 'counter32':
      return integer(value.value, TAG[value.type])
    case 'foreign':
      return element(TAG.null)
    default:
      return element(TAG[value.type])
  }
}
