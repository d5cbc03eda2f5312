// Plays one ladder with one agent that is killed on the way and started again on what it left, as often as
// asked, until the order has ended; returns all that can be held against the promises.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { scanSegment } from '../../agent/journal/line.ts'
import { ZERO_HASH } from '../../protocol/chain.ts'
import type { JournalRecord } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'
import { AgentChild } from './agent-child.ts'
import type { JournalKill } from './journal-kill.ts'
import { isReset, type LadderKind } from './kinds.ts'
import { type Boot, pause, Stand, type Touch } from './stand.ts'

/** In the agent, at an append of its journal, or at the instant a command reaches a device. */
export type Kill = JournalKill | { act: number }

export interface Trace {
  order: string
  /** All that is on disk in the end, over all lives. */
  records: JournalRecord[]
  /** The bytes of its first segment. */
  segment: Buffer
  /** When each life of the agent began, monotonic ms. */
  livesAt: number[]
  /** Kinds of the records of each append with records of orders, of the first life. */
  appends: string[][]
  acts: Touch[]
  looks: Touch[]
  boots: Boot[]
  executed: Readonly<Record<string, number>>
  /** False for a calm run. A kill that was to come may not have. */
  wasToBeKilled: boolean
  /** Kills that came about. */
  kills: number
  running: boolean
}

export const FIRST_SEGMENT = 'records-000000000000001'
const KNOWN_WITHIN_MS = 30_000
const ENDED_WITHIN_MS = 100_000
/** How long a device gets for what waits in it. */
const RELEASE_MS = 300
const RESERVE_BYTES = 65_536

export async function play(kind: LadderKind, kills: readonly Kill[]): Promise<Trace> {
  const stand = await Stand.open(kind.machine)
  const lives: AgentChild[] = []
  try {
    const trace = await live(stand, kind, kills, lives)
    return trace
  } finally {
    for (const life of lives) life.kill()
    await Promise.all(lives.map(({ ended }) => ended))
    await stand.close()
  }
}

async function live(
  stand: Stand,
  kind: LadderKind,
  kills: readonly Kill[],
  lives: AgentChild[],
): Promise<Trace> {
  const first = start(stand, kills[0], lives)
  if (!(await first.up())) throw new Error(`the first life ended early: ${first.failure}`)
  await stand.ready(first)
  kind.prepare?.(stand)
  // What the preparation did is no act of the agent.
  stand.acts.length = 0
  arm(stand, kills[0], first)
  const { order } = kind
  const { server, hub } = stand
  const asked = isReset(order) ? hub.reset(server, order) : hub.operation(order, server)
  const { id, token } = await asked
  for (let life = first; ; life = start(stand, kills[lives.length], lives)) {
    if (await life.up()) life.say({ type: 'order', token, hubNowMs: nodeClock.wallMs() })
    const over = await life.until(`the end of ${id}`, ENDED_WITHIN_MS, () => {
      return hasEnded(life.records, id)
    })
    if (over) break
    await life.ended
    if (!life.wasKilled) throw new Error(`life ${lives.length} gave up: ${life.failure}`)
    if (hasEnded(readJournal(join(stand.directory, 'journal')), id)) {
      await offerAgain(stand, { id, token }, lives)
      break
    }
  }
  kind.release?.(stand)
  if (kind.release) await pause(RELEASE_MS)
  // Whether it does is judged by the trace.
  if (kind.finally === 'runs') await stand.runs().catch(() => {})
  return await traceOf(stand, id, { lives, wasToBeKilled: kills.length > 0 })
}

function start(stand: Stand, kill: Kill | undefined, lives: AgentChild[]): AgentChild {
  const life = new AgentChild({
    ...stand.start,
    stopNoticePort: lives[0]?.stopNoticePort ?? 0,
    reserveBytes: RESERVE_BYTES,
    kill: kill !== undefined && 'append' in kill ? kill : undefined,
  })
  lives.push(life)
  if (lives.length > 1) arm(stand, kill, life)
  void life.up().then((up) => {
    if (!up) return
    stand.room.setStopNoticeTargets([{ address: '127.0.0.1', port: life.stopNoticePort }])
  })
  return life
}

function arm(stand: Stand, kill: Kill | undefined, life: AgentChild): void {
  const before = stand.acts.length
  stand.reached = (act) => {
    if (kill !== undefined && 'act' in kill && act - before === kill.act) life.kill()
  }
}

/** The agent died with the end on disk: it must know the order that the hub sends once more. */
async function offerAgain(
  stand: Stand,
  { id, token }: { id: string; token: string },
  lives: AgentChild[],
): Promise<void> {
  const life = start(stand, undefined, lives)
  if (!(await life.up())) throw new Error(`the last life gave up: ${life.failure}`)
  life.say({ type: 'order', token, hubNowMs: nodeClock.wallMs() })
  await life.until('the order is known', KNOWN_WITHIN_MS, () => life.journalled.has(id))
  await pause(RELEASE_MS)
}

const ENDS = new Set<JournalRecord['kind']>(['ended', 'operation-ended', 'refused'])

function hasEnded(records: readonly JournalRecord[], order: string): boolean {
  return records.some(
    (record) => ENDS.has(record.kind) && 'order' in record && record.order === order,
  )
}

async function traceOf(
  stand: Stand,
  order: string,
  { lives, wasToBeKilled }: { lives: readonly AgentChild[]; wasToBeKilled: boolean },
): Promise<Trace> {
  for (const life of lives) life.kill()
  await Promise.all(lives.map(({ ended }) => ended))
  const { acts, looks, boots, model } = stand
  const journal = join(stand.directory, 'journal')
  return {
    order,
    records: readJournal(journal),
    segment: readFileSync(join(journal, FIRST_SEGMENT)),
    livesAt: lives.map(({ startedAt }) => startedAt),
    appends: lives[0]?.appends ?? [],
    acts,
    looks,
    boots,
    executed: { ...model.bmc.executed },
    wasToBeKilled,
    kills: lives.length - 1,
    running: model.os.state === 'running',
  }
}

/** As it stands on disk; throws when it is not whole but for a torn tail. */
export function readJournal(directory: string): JournalRecord[] {
  const names = readdirSync(directory).filter((name) => name.startsWith('records-'))
  const records: JournalRecord[] = []
  let after = { seq: 0, hash: ZERO_HASH }
  for (const name of names.sort()) {
    const scan = scanSegment(readFileSync(join(directory, name)), after)
    if (scan.damage !== undefined) throw new Error(`${name}: ${scan.damage}`)
    for (const { record, hash } of scan.lines) {
      records.push(record)
      after = { seq: record.seq, hash }
    }
  }
  return records
}
