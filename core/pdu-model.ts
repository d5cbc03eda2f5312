// What the driver must know of a family of switched PDUs (spec protocols.md §3), and how a row is read.
// The rows themselves are in pdu-models.ts.
import type { Power } from './outcome.ts'

/** An OID in which `{n}` is the outlet; `{n+1}` and `{n-1}` where the device counts from elsewhere. */
export type OidTemplate = string

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
}

export interface OutletColumns {
  off: OutletWrite
  on: OutletWrite
  /** The values that are read: never derived from those written, some families invert them. */
  status: { oid: OidTemplate; on: readonly number[]; off: readonly number[] }
  conditions?: readonly Condition[]
}

export interface PduModel {
  /** As written in a site file. */
  name: string
  title: string
  /** The device's sysObjectID is one of these or lies below one of them. */
  sysObjectIds: readonly string[]
  columns: OutletColumns
  /** Firmware that keeps its outlets in other columns; then the firmware must be readable. */
  otherFirmware?: { contains: string; columns: OutletColumns }
  outletNameOid?: OidTemplate
  modelOid: string
  firmwareOid?: string
  /** The highest outlet number, where the family has a known one. */
  maxOutlets?: number
  /** Whether it was tried against an SNMP agent that is not ours. None was tried on real hardware. */
  tried: 'simulated' | 'untried'
}

/** No PDU has more outlets; a larger number is a slip of the pen. */
const OUTLETS_AT_MOST = 999

/** The OID of one outlet. */
export function outletOid(template: OidTemplate, outlet: number): string {
  return template
    .replace('{n}', String(outlet))
    .replace('{n+1}', String(outlet + 1))
    .replace('{n-1}', String(outlet - 1))
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
  const unmet = (columns.conditions ?? []).flatMap(({ values: allowed, meaning }, index) => {
    const value = others[index]
    return value !== undefined && allowed.includes(value)
      ? []
      : [`not ${meaning} (${value ?? 'missing'})`]
  })
  const raw = [String(status), ...unmet].join(', ')
  if (unmet.length > 0) return { value: 'unknown', raw }
  if (columns.status.off.includes(status)) return { value: 'off', raw }
  if (columns.status.on.includes(status)) return { value: 'on', raw }
  return { value: 'unknown', raw }
}

/** True when `oid` is `prefix` or lies below it, compared arc by arc. */
export function isBelow(oid: string, prefix: string): boolean {
  return oid === prefix || oid.startsWith(`${prefix}.`)
}
