// An entry of the system event log that is about a power supply (IPMI v1.5 §26, table 36-3, sensor type 08h).
import type { SupplyEvent } from '../../../core/supply-log.ts'
import type { SelEntry } from './get-sel-entry.ts'

const SYSTEM_EVENT = 0x02
const POWER_SUPPLY = 0x08
const SENSOR_SPECIFIC = 0x6f
const PRESENCE = 0

/** States of a supply by their offset; what else there is says nothing of its health. */
const TROUBLES: Record<number, string> = {
  1: 'failure',
  2: 'predictive failure',
  3: 'input lost',
  4: 'input lost or out of range',
  5: 'input out of range',
  6: 'configuration error',
}

/** Undefined for entries about anything else. */
export function supplyEventOf({ record, bytes }: SelEntry): SupplyEvent | undefined {
  const [, , type] = bytes
  if (type !== SYSTEM_EVENT || bytes[10] !== POWER_SUPPLY) return undefined
  const [sensor = 0, kind = 0, state = 0] = bytes.subarray(11, 14)
  if ((kind & 0x7f) !== SENSOR_SPECIFIC) return undefined
  const began = (kind & 0x80) === 0
  const offset = state & 0x0f
  const atS = Buffer.from(bytes).readUInt32LE(3)
  if (offset === PRESENCE) return { record, atS, sensor, what: 'not present', bad: !began }
  const what = TROUBLES[offset]
  return what === undefined ? undefined : { record, atS, sensor, what, bad: began }
}
