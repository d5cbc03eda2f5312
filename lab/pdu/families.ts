// The object trees of the PDU families in the lab, row by row as spec protocols.md §3.1 and §3.2 give them.
// Of the control values only plain on and off are served: Palisade uses no other.
import type { PduModel, Position } from '../model/pdu.ts'
import type { Oid } from './ber.ts'
import { ERROR, type MibObject } from './mib.ts'
import type { Value } from './protocol-unit.ts'

export const FAMILIES = ['ibm-ipdu', 'apc-rpdu', 'apc-rpdu2'] as const
export type Family = (typeof FAMILIES)[number]

const ENTERPRISES = '1.3.6.1.4.1.'
const FIRMWARE = '3.9.2'
const PENDING = 1
const NOT_PENDING = 2

/** `uptimeMs` counts from the start of the device. */
export function objectsOf(family: Family, pdu: PduModel, uptimeMs: () => number): MibObject[] {
  const outlets = Array.from({ length: pdu.outletCount }, (_, i) => i + 1)
  const { description, identity, device, perOutlet } = TREES[family](pdu)
  return [
    fixed('1.3.6.1.2.1.1.1.0', text(description)),
    fixed('1.3.6.1.2.1.1.2.0', { type: 'oid', value: under(identity) }),
    {
      oid: parse('1.3.6.1.2.1.1.3.0'),
      read: () => ({ type: 'timeTicks', value: Math.floor(uptimeMs() / 10) % 2 ** 32 }),
    },
    fixed('1.3.6.1.2.1.1.5.0', text(pdu.name)),
    ...device,
    ...outlets.flatMap(perOutlet),
  ]
}

interface Tree {
  description: string
  identity: string
  device: MibObject[]
  perOutlet: (outlet: number) => MibObject[]
}

const TREES: Record<Family, (pdu: PduModel) => Tree> = {
  'ibm-ipdu': ibmTree,
  'apc-rpdu': rpduTree,
  'apc-rpdu2': rpdu2Tree,
}

function ibmTree(pdu: PduModel): Tree {
  const table = '2.6.223.8.2.2.1'
  // State and control are one object; any other value means that the relay is still moving.
  const state = (outlet: number) => {
    const { position, pending } = pdu.shown(outlet)
    return pending ? 2 : position === 'on' ? 1 : 0
  }
  return {
    description: `IBM iPDU ${pdu.outletCount}`,
    identity: '2.6.223',
    device: [object('2.6.223.7.3.0', () => text(FIRMWARE))],
    perOutlet: (outlet) => [
      object(`${table}.2.${outlet}`, () => text(nameOf(outlet))),
      {
        ...object(`${table}.11.${outlet}`, () => number(state(outlet))),
        write: switching(pdu, outlet, { on: 1, off: 0 }),
      },
    ],
  }
}

function rpduTree(pdu: PduModel): Tree {
  return {
    description: `APC Web/SNMP Management Card (AP7900) outlets: ${pdu.outletCount}`,
    identity: '318.1.3.4.5',
    device: [
      object('318.1.1.12.1.3.0', () => text(FIRMWARE)),
      object('318.1.1.12.1.5.0', () => text('AP7900')),
      object('318.1.1.12.1.6.0', () => text(`LAB-${pdu.name}`)),
      object('318.1.1.12.1.8.0', () => number(pdu.outletCount)),
    ],
    perOutlet: (outlet) => rpduOutlet(pdu, outlet),
  }
}

function rpduOutlet(pdu: PduModel, outlet: number): MibObject[] {
  const table = '318.1.1.12.3'
  const state = () => number(pdu.shown(outlet).position === 'on' ? 1 : 2)
  return [
    {
      ...object(`${table}.3.1.1.4.${outlet}`, state),
      write: switching(pdu, outlet, { on: 1, off: 2 }),
    },
    object(`${table}.5.1.1.2.${outlet}`, () => text(nameOf(outlet))),
    object(`${table}.5.1.1.4.${outlet}`, state),
    object(`${table}.5.1.1.5.${outlet}`, () => pendingOf(pdu, outlet)),
  ]
}

function masterSwitchOutlet(pdu: PduModel, outlet: number): MibObject[] {
  const table = '318.1.1.4.4.2.1'
  return [
    {
      ...object(`${table}.3.${outlet}`, () => number(pdu.shown(outlet).position === 'on' ? 1 : 2)),
      write: switching(pdu, outlet, { on: 1, off: 2 }),
    },
    object(`${table}.4.${outlet}`, () => text(nameOf(outlet))),
  ]
}

/** Like the real ones, these still serve the tables of both older families beside their own. */
function rpdu2Tree(pdu: PduModel): Tree {
  const table = '318.1.1.26.9.2'
  return {
    description: `APC Web/SNMP Management Card (AP8941) outlets: ${pdu.outletCount}`,
    identity: '318.1.3.4.6',
    device: [
      ...rpduTree(pdu).device,
      object('318.1.1.26.2.1.6.1', () => text(FIRMWARE)),
      object('318.1.1.26.2.1.8.1', () => text('AP8941')),
      object('318.1.1.26.2.1.9.1', () => text(`LAB-${pdu.name}`)),
      object('318.1.1.26.9.1.0', () => number(pdu.outletCount)),
    ],
    perOutlet: (outlet) => [
      ...masterSwitchOutlet(pdu, outlet),
      ...rpduOutlet(pdu, outlet),
      object(`${table}.3.1.2.${outlet}`, () => number(1)),
      object(`${table}.3.1.3.${outlet}`, () => text(nameOf(outlet))),
      object(`${table}.3.1.4.${outlet}`, () => number(outlet)),
      // Inverted against the control column: 1 off, 2 on.
      object(`${table}.3.1.5.${outlet}`, () =>
        number(pdu.shown(outlet).position === 'off' ? 1 : 2),
      ),
      object(`${table}.3.1.6.${outlet}`, () => pendingOf(pdu, outlet)),
      {
        ...object(`${table}.4.1.5.${outlet}`, () =>
          number(pdu.shown(outlet).position === 'on' ? 1 : 2),
        ),
        write: switching(pdu, outlet, { on: 1, off: 2 }),
      },
    ],
  }
}

function switching(pdu: PduModel, outlet: number, codes: Record<Position, number>) {
  return {
    check(value: Value): number {
      if (value.type !== 'integer') return ERROR.wrongType
      return Object.values(codes).includes(value.value) ? ERROR.none : ERROR.wrongValue
    },
    commit(value: Value): void {
      if (value.type !== 'integer') return
      pdu.order(outlet, value.value === codes.on ? 'on' : 'off')
    },
  }
}

function pendingOf(pdu: PduModel, outlet: number): Value {
  return number(pdu.shown(outlet).pending ? PENDING : NOT_PENDING)
}

function nameOf(outlet: number): string {
  return `outlet${outlet}`
}

/** An object below the enterprises branch. */
function object(tail: string, read: () => Value): MibObject {
  return { oid: under(tail), read }
}

function fixed(oid: string, value: Value): MibObject {
  return { oid: parse(oid), read: () => value }
}

function under(tail: string): Oid {
  return parse(`${ENTERPRISES}${tail}`)
}

function parse(dotted: string): Oid {
  return dotted.split('.').map(Number)
}

function number(value: number): Value {
  return { type: 'integer', value }
}

function text(value: string): Value {
  return { type: 'octets', value: Buffer.from(value) }
}
