// Reads outlets: all in one question, so that they were off at the same time; one by one only where the
// device cannot answer them together.
import {
  judgeOutlet,
  type OidTemplate,
  type OutletColumns,
  outletOid,
  readingOids,
  unmetText,
} from '../../../core/pdu-model.ts'
import type { Clock } from '../../../core/ports.ts'
import type { OutletReading } from '../driver.ts'
import type { Got, Value } from './session.ts'

type Get = (oids: string[], timeoutMs: number) => Promise<Got>

/** What is asked of each outlet. */
export interface OutletTable {
  /** Placed: only the outlet is left open. */
  columns: OutletColumns
  nameOid: OidTemplate | undefined
  /** The name that the outlet must have; undefined where any will do. */
  nameOf: (outlet: number) => string | undefined
}

/** `named`: whether the outlet was seen to have the name that it must have. */
export type NamedReading = OutletReading & { named: boolean }

/**
 * The readings, or undefined when the device was silent. A single outlet that is missing, refused, not
 * answered before `deadlineAt` (monotonic ms) or named otherwise is unknown, never off.
 */
export async function readOutlets(
  get: Get,
  table: OutletTable,
  outlets: readonly number[],
  clock: Clock,
  deadlineAt: number,
): Promise<NamedReading[] | undefined> {
  const all = outlets.map((outlet) => new Question(table, outlet))
  const got = await get(
    all.flatMap(({ oids }) => oids),
    deadlineAt - clock.now(),
  )
  if (got.kind === 'values') {
    let start = 0
    return all.map((question) => {
      const values = got.values.slice(start, start + question.oids.length)
      start += question.oids.length
      return question.judge(values)
    })
  }
  if (got.kind !== 'error') return undefined
  const [only, second] = all
  if (only && !second && !only.hasExtras) return [only.unread(got.status)]
  // SNMPv1 fails the whole GET for one missing value, and small devices call a long one too big.
  const readings: NamedReading[] = []
  for (const question of all) readings.push(await askAlone(get, question, clock, deadlineAt))
  return readings
}

async function askAlone(
  get: Get,
  question: Question,
  clock: Clock,
  deadlineAt: number,
): Promise<NamedReading> {
  const leftMs = deadlineAt - clock.now()
  if (leftMs <= 0) return question.unread('no answer in time')
  const got = await get(question.oids, leftMs)
  if (got.kind === 'values') return question.judge(got.values)
  if (got.kind !== 'error') return question.unread(got.detail)
  return question.hasExtras
    ? askAlone(get, question.withoutExtras(), clock, deadlineAt)
    : question.unread(got.status)
}

/** A reading that says nothing about the outlet, and why. */
export function unread(outlet: number, why: string): NamedReading {
  return { outlet, value: 'unknown', raw: why, named: false }
}

/** What is asked of one outlet: what decides, then what a device may lack. */
class Question {
  readonly oids: string[]
  readonly hasExtras: boolean
  readonly #table: OutletTable
  readonly #outlet: number
  readonly #deciding: number
  readonly #name: string | undefined

  constructor(table: OutletTable, outlet: number, extras = true) {
    const { columns, nameOid, nameOf } = table
    const deciding = readingOids(columns, outlet)
    this.#table = table
    this.#outlet = outlet
    this.#deciding = deciding.length
    this.#name = nameOf(outlet)
    const templates = (columns.notes ?? []).map(({ oid }) => oid)
    if (this.#name !== undefined && nameOid !== undefined) templates.push(nameOid)
    this.hasExtras = extras && templates.length > 0
    const also = extras ? templates.map((template) => outletOid(template, outlet)) : []
    this.oids = [...deciding, ...also]
  }

  withoutExtras(): Question {
    return new Question(this.#table, this.#outlet, false)
  }

  unread(why: string): NamedReading {
    return unread(this.#outlet, why)
  }

  judge(values: readonly Value[]): NamedReading {
    const { columns } = this.#table
    const integers = values.map((value) => (typeof value === 'number' ? value : undefined))
    const judged = judgeOutlet(columns, integers.slice(0, this.#deciding))
    const notes = (columns.notes ?? []).flatMap((note, index) => {
      const value = integers[this.#deciding + index]
      return value === undefined || note.values.includes(value) ? [] : [unmetText(note, value)]
    })
    const raw = [judged.raw, ...notes].join(', ')
    const told = values[this.#deciding + (columns.notes ?? []).length]
    if (this.#name === undefined || told === this.#name) {
      return { outlet: this.#outlet, value: judged.value, raw, named: true }
    }
    const name = typeof told === 'string' ? JSON.stringify(told) : 'nothing'
    const why = `named ${name}, not ${JSON.stringify(this.#name)}`
    return { outlet: this.#outlet, value: 'unknown', raw: `${raw}, ${why}`, named: false }
  }
}
