// Reads a PDU family that the site file describes itself (spec protocols.md §3.3 rule 1: an explicit on
// set, an explicit off set, everything else unknown).
import { OUTLETS_AT_MOST } from '../pdu-model.ts'
import type { CustomPduModel } from '../site.ts'
import { INTEGER32, OID_ARCS_MAX, OID_CHARACTERS_MAX, PDU_VALUES_MAX } from './bounds.ts'
import { type Fields, inRange, present } from './fields.ts'

const CUSTOM_FIELDS = [
  'detect',
  'outlets',
  'control',
  'status',
  'pending',
  'outletName',
  'model',
  'firmware',
]
const PLACEHOLDER = /^\{(outlet|unit|branch)([+-]1)?\}$/
const OID_ALLOWED =
  'an OID: numbers with dots between them, no leading dot; {unit} and {branch} may stand for numbers'
const OUTLET_OID_ALLOWED =
  'an OID with {outlet}, {outlet-1} or {outlet+1} in place of the outlet: numbers with dots between them, no leading dot; {unit} and {branch} may stand for numbers too'
const VALUES_ALLOWED = `a list of 1 to ${PDU_VALUES_MAX} whole numbers`

export function readCustomModel(pdu: Fields, previous: CustomPduModel | undefined): CustomPduModel {
  return pdu.object('custom', CUSTOM_FIELDS, (custom) => {
    const oid = (field: 'detect' | 'model' | 'firmware', allowed: string, right: typeof isOid) => {
      const kept = previous?.[field]
      const read = () => custom.text(field, allowed, right)
      return present(field, custom.optional(field, kept, read))
    }
    const pending = custom.optional('pending', previous?.pending, () =>
      readPending(custom, previous?.pending),
    )
    const outletName = custom.optional('outletName', previous?.outletName, () =>
      outletOid(custom, 'outletName', undefined),
    )
    const control = readControl(custom, previous?.control)
    const status = readStatus(custom, previous?.status)
    const oids = [control.on.oid, control.off.oid, status.oid, ...(pending ? [pending.oid] : [])]
    for (const part of ['{unit', '{branch']) {
      const having = oids.filter((template) => template.includes(part))
      if (having.length === 0 || having.length === oids.length) continue
      custom.fault(
        'control',
        `with ${part}} in the OIDs of control, status and pending, or in none`,
      )
    }
    return {
      ...oid('detect', 'an OID: numbers with dots between them, no leading dot', isPlainOid),
      outlets: custom.integer('outlets', { min: 1, max: OUTLETS_AT_MOST }, previous?.outlets),
      control,
      status,
      ...present('pending', pending),
      ...present('outletName', outletName),
      ...oid('model', OID_ALLOWED, isOid),
      ...oid('firmware', OID_ALLOWED, isOid),
    }
  })
}

type Control = CustomPduModel['control']
type Status = CustomPduModel['status']
type Pending = NonNullable<CustomPduModel['pending']>

function readControl(custom: Fields, previous: Control | undefined): Control {
  if (custom.raw('control') === undefined && previous) return previous
  return custom.object('control', ['on', 'off'], (control) => {
    const write = (to: 'on' | 'off') =>
      control.object(to, ['oid', 'value'], (fields) => ({
        oid: outletOid(fields, 'oid', previous?.[to].oid),
        value: fields.integer('value', INTEGER32, previous?.[to].value),
      }))
    const [on, off] = [write('on'), write('off')]
    if (sameColumn(on.oid, off.oid) && on.value === off.value) {
      control.fault('off', 'another OID or another value than that of `on`')
    }
    return { on, off }
  })
}

/** Also when they differ in where they count from: the one for outlet 1 would be the other for outlet 2. */
function sameColumn(one: string, other: string): boolean {
  const shape = (oid: string) => oid.replace(/[+-]1\}/g, '}')
  return shape(one) === shape(other)
}

function readStatus(custom: Fields, previous: Status | undefined): Status {
  if (custom.raw('status') === undefined && previous) return previous
  return custom.object('status', ['oid', 'on', 'off'], (status) => {
    const on = values(status, 'on', previous?.on)
    const off = values(status, 'off', previous?.off)
    const both = off.find((value) => on.includes(value))
    if (both !== undefined) {
      status.fault('off', `values that are not in \`on\`, where ${both} is too`)
    }
    return { oid: outletOid(status, 'oid', previous?.oid), on, off }
  })
}

function readPending(custom: Fields, previous: Pending | undefined): Pending {
  return custom.object('pending', ['oid', 'settled'], (pending) => ({
    oid: outletOid(pending, 'oid', previous?.oid),
    settled: values(pending, 'settled', previous?.settled),
  }))
}

function values(fields: Fields, field: string, kept: number[] | undefined): number[] {
  const given: unknown = fields.raw(field) ?? kept
  const right =
    Array.isArray(given) &&
    given.length >= 1 &&
    given.length <= PDU_VALUES_MAX &&
    given.every((value) => typeof value === 'number' && inRange(value, INTEGER32))
  if (right) return given
  fields.fault(field, VALUES_ALLOWED)
  return []
}

function outletOid(fields: Fields, field: string, kept: string | undefined): string {
  return fields.text(
    field,
    OUTLET_OID_ALLOWED,
    (text) => isOid(text) && text.includes('{outlet'),
    kept,
  )
}

function isOid(text: string): boolean {
  if (text.length > OID_CHARACTERS_MAX) return false
  const arcs = text.split('.')
  const [first = '', second = ''] = arcs
  return (
    arcs.length >= 2 &&
    arcs.length <= OID_ARCS_MAX &&
    /^[0-2]$/.test(first) &&
    isArc(second) &&
    (first === '2' || Number(second) < 40) &&
    arcs.slice(2).every((arc) => isArc(arc) || PLACEHOLDER.test(arc))
  )
}

function isPlainOid(text: string): boolean {
  return isOid(text) && !text.includes('{')
}

/** RFC 2578 §3.5: an unsigned number of 32 bits. */
function isArc(arc: string): boolean {
  return /^(0|[1-9]\d{0,9})$/.test(arc) && Number(arc) <= 0xffff_ffff
}
