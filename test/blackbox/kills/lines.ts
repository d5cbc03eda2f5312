// Orders one after the other for one machine, through whatever is killed meanwhile, each judged by what the machine
// went through.
import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { ResetView } from '../../../protocol/reset-view.ts'
import { until } from '../../e2e/programs.ts'
import { type Installation, Watched } from '../installation.ts'

/** An order lives for a minute, and its ladder is overdue two minutes later at the latest. */
const ENDED_WITHIN_MS = 240_000
const ANSWERED_WITHIN_MS = 90_000

export interface Line {
  server: string
  mode: 'ladder' | 'hard' | 'pdu'
  feeds: readonly { pdu: string; outlet: number }[]
}

/** Different rungs, none of them guarded against another. PSERVER6 has no feeds to fall back on. */
export const LINES: readonly Line[] = [
  {
    server: 'PSERVER1',
    mode: 'ladder',
    feeds: [
      { pdu: 'pdu-a', outlet: 3 },
      { pdu: 'pdu-b', outlet: 3 },
    ],
  },
  { server: 'PSERVER4', mode: 'pdu', feeds: [{ pdu: 'pdu-b', outlet: 5 }] },
  { server: 'PSERVER5', mode: 'hard', feeds: [{ pdu: 'pdu-b', outlet: 6 }] },
  { server: 'PSERVER6', mode: 'ladder', feeds: [] },
]

export class OrderLine {
  readonly #all: Installation
  readonly #line: Line
  readonly ended: ResetView[] = []
  /** From before the request until the end is known. */
  isOpen = false

  constructor(all: Installation, line: Line) {
    this.#all = all
    this.#line = line
  }

  /** Until told to stop; the order under way is brought to its end. */
  async run(goesOn: () => boolean): Promise<void> {
    do {
      await this.#makeRun()
      const machine = await Watched.begin(this.#all.lab, this.#line.server)
      const offs = await this.#offs()
      this.isOpen = true
      const { id } = await this.#ask(`${this.#line.server}-${randomUUID()}`)
      const end = await this.#all.api.end(id, ENDED_WITHIN_MS)
      this.isOpen = false
      this.ended.push(end)
      await judge(end, machine)
      const cuts = (await this.#offs()).map((count, feed) => count - (offs[feed] ?? 0))
      for (const count of cuts) expect(count, `cuts by ${id}`).toBeLessThanOrEqual(1)
    } while (goesOn())
  }

  /** As a client should: again with the same key until there is an answer. */
  async #ask(key: string): Promise<ResetView> {
    const { server, mode } = this.#line
    const answer = await until(`an answer to ${key}`, ANSWERED_WITHIN_MS, async () => {
      const body = { site: 'lab', target: { server }, mode, reason: 'kills' }
      const { status, json, text } = await this.#all.api.ask('POST', '/v1/resets', body, { key })
      if (status === 202) return json as ResetView
      throw new Error(`${status} ${text}`)
    })
    return answer
  }

  async #makeRun(): Promise<void> {
    const { api, lab } = this.#all
    const { server } = this.#line
    await until(`${server} runs`, ANSWERED_WITHIN_MS, async () => {
      const { railVolts, os } = await lab.oracle.server(server)
      if (os.state === 'running') return true
      if (railVolts > 0) await lab.oracle.os(server, 'power-on').catch(() => {})
      else await api.ask('POST', `/v1/sites/lab/servers/${server}/restore`)
      await new Promise((resolve) => setTimeout(resolve, 500))
      return false
    })
  }

  /** How often each feed was ordered off. */
  #offs(): Promise<number[]> {
    const { oracle } = this.#all.lab
    return Promise.all(
      this.#line.feeds.map(async ({ pdu, outlet }) => {
        const orders = await oracle.ordersTo(pdu, outlet)
        return orders.filter(({ to }) => to === 'off').length
      }),
    )
  }
}

/** One end, nothing done twice, and nothing told that did not happen. */
async function judge(end: ResetView, machine: Watched): Promise<void> {
  const { nmi, reset, off, cycle } = await machine.executed()
  const told = `${JSON.stringify(end)}; executed ${JSON.stringify({ nmi, reset, off, cycle })}`
  expect(['complete', 'failed'], told).toContain(end.status)
  expect(Math.max(nmi, reset, off), told).toBeLessThanOrEqual(1)
  expect(cycle, told).toBe(0)
  if (end.fenced) expect(await machine.bootEnded(), told).toBe(true)
  if (end.result === 'REBOOT') expect(reset, told).toBe(1)
  if (end.code === 'order-expired')
    expect({ nmi, reset, off }, told).toEqual({ nmi: 0, reset: 0, off: 0 })
}
