// How late the hard reset is when no stop notice comes, with 256 ladders in flight: from the instant that the
// accepting record allows for, to its execution at the BMC.
import { nodeClock } from '../../../runtime/node.ts'
import { AgentStand, type SignedOrder } from '../agent-stand.ts'
import { FARM_ACCOUNT, Farm } from '../farm.ts'
import { pause } from '../instants.ts'
import type { BenchOptions } from '../options.ts'
import type { Section } from '../table.ts'

const LADDERS = 256
const HARD_RESET_AFTER_MS = 4000
/** All are open before the first is due. */
const OPENED_WITHIN_MS = 3000

export async function hardTimer({ quick }: BenchOptions): Promise<Section> {
  const farm = await Farm.open({ servers: LADDERS, feeds: false })
  try {
    const stand = await AgentStand.open({
      servers: farm.servers,
      account: FARM_ACCOUNT,
      hardResetAfterMs: HARD_RESET_AFTER_MS,
    })
    try {
      const spread: number[] = []
      for (let round = 0; round < (quick ? 1 : 4); round++) {
        spread.push(...(await oneRound(farm, stand, OPENED_WITHIN_MS / LADDERS)))
      }
      const together = await oneRound(farm, stand, 0)
      return {
        title: `Hard timer: due → hard reset executed at the BMC, ${LADDERS} ladders in flight`,
        rows: [
          {
            what: 'timers due one after another',
            samples: spread,
            unit: 'ms',
            goal: { p99: 5 },
            note: 'fsync of the intent and the simulated BMC included',
          },
          { what: 'all due within the opening burst', samples: together, unit: 'ms' },
        ],
        notes: [
          `The agent runs in the bench, ${LADDERS} lab BMCs in another process; both read the one monotonic clock.`,
        ],
      }
    } finally {
      await stand.close()
    }
  } finally {
    await farm.close()
  }
}

async function oneRound(farm: Farm, stand: AgentStand, apartMs: number): Promise<number[]> {
  const orders: SignedOrder[] = []
  for (const { name } of farm.servers) orders.push(await stand.order(name, 'ladder'))
  const from = nodeClock.now()
  const handed: Promise<void>[] = []
  for (const order of orders) {
    handed.push(stand.hand(order))
    if (apartMs > 0) await pause(apartMs)
  }
  await Promise.all(handed)
  // Nothing else runs in this process while the timers are due.
  await pause(HARD_RESET_AFTER_MS + 200)
  await stand.ended(orders)
  const dueAt = new Map<string, number>()
  const wanted = new Map(orders.map(({ id, server }) => [id, server]))
  for (const record of await stand.records()) {
    if (record.kind !== 'accepted') continue
    const server = wanted.get(record.order)
    if (server !== undefined) dueAt.set(server, record.mono.ms + HARD_RESET_AFTER_MS)
  }
  const resets = (await farm.controls()).filter(
    ({ action, at }) => action === 'reset' && at >= from,
  )
  if (resets.length !== LADDERS) throw new Error(`${resets.length} of ${LADDERS} were hard reset`)
  return resets.map(({ server, at }) => at - (dueAt.get(server) ?? Number.NaN))
}
