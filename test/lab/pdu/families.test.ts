// The numbers of spec protocols.md §3.1, seen from outside.
import { expect, test } from 'vitest'
import { PduModel } from '../../../lab/model/pdu.ts'
import { type Family, objectsOf } from '../../../lab/pdu/families.ts'
import { ERROR, Mib } from '../../../lab/pdu/mib.ts'
import { UNIT, type Value } from '../../../lab/pdu/protocol-unit.ts'
import { VirtualClock } from '../virtual-clock.ts'

const APC = '1.3.6.1.4.1.318'

const TABLE = [
  {
    family: 'ibm-ipdu',
    identity: '1.3.6.1.4.1.2.6.223',
    control: '1.3.6.1.4.1.2.6.223.8.2.2.1.11',
    status: '1.3.6.1.4.1.2.6.223.8.2.2.1.11',
    write: { on: 1, off: 0 },
    read: { on: 1, off: 0, moving: 2 },
    names: '1.3.6.1.4.1.2.6.223.8.2.2.1.2',
    pending: undefined,
  },
  {
    family: 'apc-rpdu',
    identity: `${APC}.1.3.4.5`,
    control: `${APC}.1.1.12.3.3.1.1.4`,
    status: `${APC}.1.1.12.3.5.1.1.4`,
    write: { on: 1, off: 2 },
    read: { on: 1, off: 2, moving: 1 },
    names: `${APC}.1.1.12.3.5.1.1.2`,
    pending: `${APC}.1.1.12.3.5.1.1.5`,
  },
  {
    family: 'apc-rpdu2',
    identity: `${APC}.1.3.4.6`,
    control: `${APC}.1.1.26.9.2.4.1.5`,
    status: `${APC}.1.1.26.9.2.3.1.5`,
    write: { on: 1, off: 2 },
    // Inverted against the control column.
    read: { on: 2, off: 1, moving: 2 },
    names: `${APC}.1.1.26.9.2.3.1.3`,
    pending: `${APC}.1.1.26.9.2.3.1.6`,
  },
] as const

function build(family: Family) {
  const clock = new VirtualClock()
  const pdu = new PduModel('pdu', 4, clock)
  const mib = new Mib(objectsOf(family, pdu, () => clock.now()))
  const request = (type: number, dotted: string, value: Value, version: 1 | 2 = 2) => {
    const varbinds = [{ oid: dotted.split('.').map(Number), value }]
    return mib.answer({ type, requestId: 7, errorStatus: 0, errorIndex: 0, varbinds }, version)
  }
  const get = (dotted: string) => {
    const value = request(UNIT.get, dotted, { type: 'null' })?.varbinds[0]?.value
    return value?.type === 'integer' ? value.value : value
  }
  const set = (dotted: string, value: Value, version: 1 | 2 = 2) =>
    request(UNIT.set, dotted, value, version)?.errorStatus
  return { clock, pdu, get, set }
}

const number = (value: number): Value => ({ type: 'integer', value })

test.each(TABLE)('$family tells who it is and what its outlets are called', (row) => {
  const { get } = build(row.family)
  const identity = row.identity.split('.').map(Number)
  expect(get('1.3.6.1.2.1.1.2.0')).toEqual({ type: 'oid', value: identity })
  expect(get(`${row.names}.3`)).toEqual({ type: 'octets', value: Buffer.from('outlet3') })
})

test.each(TABLE)('$family switches the outlet that was written, and reads as it should', (row) => {
  const { pdu, get, set } = build(row.family)
  expect(get(`${row.status}.3`)).toBe(row.read.on)
  expect(set(`${row.control}.3`, number(row.write.off))).toBe(ERROR.none)
  expect([2, 3, 4].map((outlet) => pdu.live(outlet))).toEqual([true, false, true])
  expect(get(`${row.status}.3`)).toBe(row.read.off)
  expect(set(`${row.control}.3`, number(row.write.on))).toBe(ERROR.none)
  expect(get(`${row.status}.3`)).toBe(row.read.on)
})

test.each(TABLE)('$family shows that a slow relay is still moving', (row) => {
  const { clock, pdu, get, set } = build(row.family)
  pdu.setOutletFaults(1, { slowMs: 500 })
  set(`${row.control}.1`, number(row.write.off))
  expect(get(`${row.status}.1`)).toBe(row.read.moving)
  if (row.pending) expect(get(`${row.pending}.1`)).toBe(1)
  clock.advance(500)
  expect(get(`${row.status}.1`)).toBe(row.read.off)
  if (row.pending) expect(get(`${row.pending}.1`)).toBe(2)
})

test.each(TABLE)(
  '$family refuses odd values, odd types and odd outlets, and does nothing',
  (row) => {
    const { pdu, get, set } = build(row.family)
    expect(set(`${row.control}.1`, number(9))).toBe(ERROR.wrongValue)
    expect(set(`${row.control}.1`, number(9), 1)).toBe(ERROR.badValue)
    expect(set(`${row.control}.1`, { type: 'octets', value: Buffer.from('0') })).toBe(
      ERROR.wrongType,
    )
    expect(set(`${row.control}.99`, number(row.write.off))).toBe(ERROR.notWritable)
    expect(set(`${row.control}.99`, number(row.write.off), 1)).toBe(ERROR.noSuchName)
    expect(get(`${row.status}.99`)).toEqual({ type: 'noSuchInstance' })
    expect(pdu.orders.list()).toEqual([])
  },
)

test('of several values written at once, one bad one means that none is', () => {
  const clock = new VirtualClock()
  const pdu = new PduModel('pdu', 4, clock)
  const mib = new Mib(objectsOf('ibm-ipdu', pdu, () => clock.now()))
  const at = (outlet: number) => [1, 3, 6, 1, 4, 1, 2, 6, 223, 8, 2, 2, 1, 11, outlet]
  const varbinds = [
    { oid: at(1), value: number(0) },
    { oid: at(2), value: number(9) },
  ]
  const answer = mib.answer(
    { type: UNIT.set, requestId: 1, errorStatus: 0, errorIndex: 0, varbinds },
    2,
  )
  expect(answer).toMatchObject({ errorStatus: ERROR.wrongValue, errorIndex: 2 })
  expect(pdu.orders.list()).toEqual([])
})
