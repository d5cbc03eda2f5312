// Reads outlets: all in one question, so that they were off at the same time; one by one only where the
// device cannot answer them together.
import { judgeOutlet, type OutletColumns, readingOids } from '../../../core/pdu-model.ts'
import type { Clock } from '../../../core/ports.ts'
import type { OutletReading } from '../driver.ts'
import type { Got } from './session.ts'

type Get = (oids: string[], timeoutMs: number) => Promise<Got>

/**
 * The readings, or undefined when the device was silent. A single outlet that is missing, refused or not
 * answered before `deadlineAt` (monotonic ms) is unknown, never off.
 */
export async function readOutlets(
  get: Get,
  columns: OutletColumns,
  outlets: readonly number[],
  clock: Clock,
  deadlineAt: number,
): Promise<OutletReading[] | undefined> {
  const got = await get(
    outlets.flatMap((outlet) => readingOids(columns, outlet)),
    deadlineAt - clock.now(),
  )
  if (got.kind === 'values') return judgeAll(columns, outlets, got)
  if (got.kind !== 'error') return undefined
  const only = outlets.length === 1 ? outlets[0] : undefined
  if (only !== undefined) return [unread(only, got.status)]
  // SNMPv1 fails the whole GET for one missing outlet, and small devices call a long one too big.
  const readings: OutletReading[] = []
  for (const outlet of outlets) {
    const leftMs = deadlineAt - clock.now()
    const one: Got =
      leftMs > 0
        ? await get(readingOids(columns, outlet), leftMs)
        : { kind: 'silent', detail: 'no answer in time' }
    if (one.kind === 'values') readings.push(...judgeAll(columns, [outlet], one))
    else readings.push(unread(outlet, one.kind === 'error' ? one.status : one.detail))
  }
  return readings
}

/** A reading that says nothing about the outlet, and why. */
export function unread(outlet: number, why: string): OutletReading {
  return { outlet, value: 'unknown', raw: why }
}

function judgeAll(
  columns: OutletColumns,
  outlets: readonly number[],
  got: Extract<Got, { kind: 'values' }>,
): OutletReading[] {
  const each = 1 + (columns.conditions?.length ?? 0)
  return outlets.map((outlet, index) => {
    const values = got.values.slice(index * each, (index + 1) * each)
    const integers = values.map((value) => (typeof value === 'number' ? value : undefined))
    return { outlet, ...judgeOutlet(columns, integers) }
  })
}
