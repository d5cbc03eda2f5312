// The objects of a device in OID order, and what Get, GetNext, GetBulk and Set do with them (RFC 3416 §4.2).
import type { Oid } from './ber.ts'
import { type ProtocolUnit, UNIT, type Value, type Varbind } from './protocol-unit.ts'

export const ERROR = {
  none: 0,
  tooBig: 1,
  noSuchName: 2,
  badValue: 3,
  general: 5,
  wrongType: 7,
  wrongValue: 10,
  notWritable: 17,
} as const

export interface MibObject {
  oid: Oid
  read(): Value
  write?: {
    /** An error status, or none: whether the value would do. Has no effect. */
    check(value: Value): number
    commit(value: Value): void
  }
}

const REPLY_VARBINDS_MAX = 128

export class Mib {
  readonly #objects: readonly MibObject[]

  constructor(objects: readonly MibObject[]) {
    this.#objects = [...objects].sort((a, b) => compare(a.oid, b.oid))
  }

  /** The response to a request; undefined for a kind of unit that a device does not answer. */
  answer(request: ProtocolUnit, version: 1 | 2 | 3): ProtocolUnit | undefined {
    if (request.type === UNIT.get) return this.#each(request, version, (at) => this.#get(at))
    if (request.type === UNIT.getNext) return this.#each(request, version, (at) => this.#next(at))
    if (request.type === UNIT.set) return this.#set(request, version)
    return request.type === UNIT.getBulk && version !== 1 ? this.#bulk(request) : undefined
  }

  #each(request: ProtocolUnit, version: number, read: (at: Oid) => Varbind): ProtocolUnit {
    const varbinds = request.varbinds.map((varbind) => read(varbind.oid))
    const missing = varbinds.findIndex(({ value }) => isException(value))
    if (version === 1 && missing >= 0) return failed(request, ERROR.noSuchName, missing)
    return { ...succeeded(request), varbinds }
  }

  #bulk(request: ProtocolUnit): ProtocolUnit {
    const nonRepeaters = Math.min(Math.max(0, request.errorStatus), request.varbinds.length)
    const varbinds = request.varbinds.slice(0, nonRepeaters).map(({ oid }) => this.#next(oid))
    let row = request.varbinds.slice(nonRepeaters).map(({ oid }) => oid)
    for (let i = 0; i < request.errorIndex; i++) {
      if (row.length === 0 || varbinds.length + row.length > REPLY_VARBINDS_MAX) break
      const found = row.map((oid) => this.#next(oid))
      varbinds.push(...found)
      if (found.every(({ value }) => value.type === 'endOfMibView')) break
      row = found.map(({ oid }) => oid)
    }
    return { ...succeeded(request), varbinds }
  }

  /** All or nothing: every value is checked before the first is written. */
  #set(request: ProtocolUnit, version: number): ProtocolUnit {
    const targets = request.varbinds.map(({ oid }) => this.#find(oid))
    for (const [index, { value }] of request.varbinds.entries()) {
      const status = targets[index]?.write?.check(value) ?? ERROR.notWritable
      if (status !== ERROR.none) return failed(request, forVersion(status, version), index)
    }
    for (const [index, { value }] of request.varbinds.entries())
      targets[index]?.write?.commit(value)
    return succeeded(request)
  }

  #get(oid: Oid): Varbind {
    return { oid, value: this.#find(oid)?.read() ?? { type: 'noSuchInstance' } }
  }

  #next(oid: Oid): Varbind {
    const object = this.#objects.find((candidate) => compare(candidate.oid, oid) > 0)
    if (!object) return { oid, value: { type: 'endOfMibView' } }
    return { oid: object.oid, value: object.read() }
  }

  #find(oid: Oid): MibObject | undefined {
    return this.#objects.find((candidate) => compare(candidate.oid, oid) === 0)
  }
}

function succeeded(request: ProtocolUnit): ProtocolUnit {
  return { ...request, type: UNIT.response, errorStatus: ERROR.none, errorIndex: 0 }
}

function failed(request: ProtocolUnit, errorStatus: number, index: number): ProtocolUnit {
  return { ...request, type: UNIT.response, errorStatus, errorIndex: index + 1 }
}

/** Version 1 knows fewer errors (RFC 2089 §2.1). */
function forVersion(status: number, version: number): number {
  if (version !== 1) return status
  return status === ERROR.notWritable ? ERROR.noSuchName : ERROR.badValue
}

function isException(value: Value): boolean {
  return ['noSuchObject', 'noSuchInstance', 'endOfMibView'].includes(value.type)
}

function compare(a: Oid, b: Oid): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
