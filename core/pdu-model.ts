// What the driver must know of a family of switched PDUs (spec protocols.md §3), and how a row is read.
// The rows themselves are in pdu-models.ts.
import type { Power } from './outcome.ts'

/**
 * An OID in which `{outlet}`, `{unit}` and `{branch}` stand for their numbers, all counted from 1 in the
 * site file; `{outlet-1}` and the like where the device counts from elsewhere.
 */
export type OidTemplate = string

/** sysDescr: what a device without a better text tells about itself. */
export const SYS_DESCR = '1.3.6.1.2.1.1.1.0'

/** Of a chain of PDUs behind one address: which one, and which of its towers, cords or branches. */
export interface Place {
  unit: number
  branch: number
}

/** What is written, and where. Where the value is a delay in seconds, 0 means now. */
export interface OutletWrite {
  oid: OidTemplate
  value: number
}

/** Another column that must read one of these values, else the status proves nothing. */
export interface Condition {
  oid: OidTemplate
  values: readonly number[]
  meaning: string
  /** A device without this column meets it: one that marks no order as pending has none pending. */
  mayLack?: true
}

export interface OutletColumns {
  off: OutletWrite
  on: OutletWrite
  /** The values that are read: never derived from those written, some families invert them. */
  status: { oid: OidTemplate; on: readonly number[]; off: readonly number[] }
  conditions?: readonly Condition[]
  /** Read along where the device has them; told when unmet, and never change what is on or off. */
  notes?: readonly Condition[]
}

export interface PduModel {
  /** As written in a site file. */
  name: string
  title: string
  /** The device's sysObjectID is one of these or lies below one of them; none: any device is taken. */
  sysObjectIds: readonly string[]
  columns: OutletColumns
  /** Firmware that keeps its outlets in other columns; then the firmware must be readable. */
  otherFirmware?: { contains: string; columns: OutletColumns }
  /** The table in which the first number is the unit, where devices number their only unit freely. */
  unitsBelow?: string
  outletNameOid?: OidTemplate
  modelOid: OidTemplate
  firmwareOid?: OidTemplate
  /** The highest outlet number, where the family has a known one. */
  maxOutlets?: number
  /** Whether it was tried against an SNMP agent that is not ours. None was tried on real hardware. */
  tried: 'simulated' | 'untried'
}

/** No PDU has more outlets; a larger number is a slip of the pen. */
export const OUTLETS_AT_MOST = 255

const PLACEHOLDER = /\{(outlet|unit|branch)([+-]1)?\}/g

function fill(template: OidTemplate, numbers: Partial<Place & { outlet: number }>): OidTemplate {
  return template.replace(PLACEHOLDER, (whole, what: keyof Place | 'outlet', shift = '0') => {
    const number = numbers[what]
    return number === undefined ? whole : String(number + Number(shift))
  })
}

/** The OID of one outlet, of columns that are placed already. */
export function outletOid(template: OidTemplate, outlet: number): string {
  return fill(template, { outlet })
}

/** The template for one unit and branch: only the outlet is left open. */
export function placeOid(template: OidTemplate, { unit, branch }: Place): OidTemplate {
  return fill(template, { unit, branch })
}

/** The columns of one unit and branch. */
export function placeColumns(columns: OutletColumns, place: Place): OutletColumns {
  const placed = <T extends { oid: OidTemplate }>(column: T): T => {
    return { ...column, oid: placeOid(column.oid, place) }
  }
  return {
    off: placed(columns.off),
    on: placed(columns.on),
    status: placed(columns.status),
    conditions: (columns.conditions ?? []).map(placed),
    notes: (columns.notes ?? []).map(placed),
  }
}

/** Whether the family tells units or branches apart. */
export function hasPlaces({ columns }: PduModel, part: keyof Place): boolean {
  return columns.status.oid.includes(`{${part}`)
}

/** Why this outlet number is impossible on this model; undefined when it is possible. */
export function refuseOutlet(model: PduModel, outlet: number): string | undefined {
  const highest = model.maxOutlets ?? OUTLETS_AT_MOST
  if (Number.isInteger(outlet) && outlet >= 1 && outlet <= highest) return undefined
  return `outlet ${outlet}: ${model.name} has outlets 1 to ${highest}`
}

/**
 * The columns to use. Undefined when the family keeps them in different places and the firmware, which
 * tells where, was not read: a guess could switch something else.
 */
export function findColumns(model: PduModel, firmware: string | undefined) {
  if (!model.otherFirmware) return model.columns
  if (firmware === undefined || firmware === '') return undefined
  return firmware.includes(model.otherFirmware.contains)
    ? model.otherFirmware.columns
    : model.columns
}

/** The OIDs that tell one outlet's power: status first, then the conditions in order. */
export function readingOids(columns: OutletColumns, outlet: number): string[] {
  return [columns.status, ...(columns.conditions ?? [])].map(({ oid }) => outletOid(oid, outlet))
}

/**
 * Power by the integers read at `readingOids`, undefined for each that was missing or no integer. Only a
 * value of the off set with every condition met is off (spec protocols.md §3.3 rule 1).
 */
export function judgeOutlet(
  columns: OutletColumns,
  values: readonly (number | undefined)[],
): { value: Power; raw: string } {
  const [status, ...others] = values
  if (status === undefined) return { value: 'unknown', raw: 'missing' }
  const unmet = (columns.conditions ?? []).flatMap((condition, index) => {
    const value = others[index]
    const met = value !== undefined && condition.values.includes(value)
    return met ? [] : [unmetText(condition, value)]
  })
  const raw = [String(status), ...unmet].join(', ')
  if (unmet.length > 0) return { value: 'unknown', raw }
  if (columns.status.off.includes(status)) return { value: 'off', raw }
  if (columns.status.on.includes(status)) return { value: 'on', raw }
  return { value: 'unknown', raw }
}

/** The column that an OID of one outlet stands in. */
export function columnOf(template: OidTemplate): string {
  return template.slice(0, template.indexOf('{outlet')).replace(/\.$/, '')
}

/** What a condition that is not met is called in a reading. */
export function unmetText({ meaning }: Condition, value: number | undefined): string {
  return `not ${meaning} (${value ?? 'missing'})`
}

/** True when `oid` is `prefix` or lies below it, compared arc by arc. */
export function isBelow(oid: string, prefix: string): boolean {
  return oid === prefix || oid.startsWith(`${prefix}.`)
}
