// What an agent takes up at start: open ladders, effects without an answer, and who was stopped just now.
import { STOPPED_WITHOUT_REGISTRATION_MS } from '../core/arbiter.ts'
import { resetCourse, restoreCourse } from '../core/course.ts'
import { openRestore } from '../core/ladder/recovery.ts'
import { type HistoryEntry, type Mono, resume } from '../core/ladder/resume.ts'
import { blankLadder } from '../core/ladder/step.ts'
import type { Result } from '../core/outcome.ts'
import type { Plan } from '../core/plan.ts'
import type { Clock } from '../core/ports.ts'
import type { JournalRecord } from '../protocol/report.ts'
import type { Executor } from './executor.ts'
import type { Journal } from './journal.ts'
import type { OpenOrder } from './journal-memory.ts'
import type { LooseShots } from './loose.ts'

export interface ResumeOptions {
  clock: Clock
  bootId: string
  journal: Journal
  executor: Executor
  loose: LooseShots
  stopped(server: string, result: Result, at: number): void
  /** A device accepted what stops this server. */
  struck(server: string, at: number): void
}

/** How far back conclusions are looked for: more than can happen in the time that matters. */
const RECENT_RECORDS = 2000

export async function resumeOrders(options: ResumeOptions): Promise<void> {
  const { clock, bootId, journal, executor } = options
  const orders = journal.openOrders()
  await noteRecentlyStopped(options)
  for (const order of orders) takeUpLooseShots(options, order)
  const at = { ms: clock.now(), wall: clock.wall() }
  for (const { open, records } of orders) {
    if (!open) continue
    const resumed = resume(historyOf(records), bootId, at)
    if (resumed) {
      executor.run(resetCourse(resumed))
      continue
    }
    const operation = records.find((record) => record.kind === 'operation')
    if (!operation) continue
    const plan = restorePlan(operation.target.server, operation.feeds)
    executor.run(restoreCourse(openRestore(blankLadder(operation.order, plan, at.ms), at)))
  }
}

function historyOf(records: readonly JournalRecord[]): HistoryEntry[] {
  return records.filter(
    (record): record is Extract<JournalRecord, { kind: HistoryEntry['kind'] }> =>
      HISTORY_KINDS.has(record.kind),
  )
}

const HISTORY_KINDS: ReadonlySet<string> = new Set<HistoryEntry['kind']>([
  'accepted',
  'intent',
  'answer',
  'noticed',
  'concluded',
  'recovery',
  'ended',
])

/** A restore needs nothing of a plan but its server and feeds. */
export function restorePlan(server: string, feeds: Plan['feeds']): Plan {
  return {
    server,
    kind: 'P',
    mode: 'pdu',
    softMethod: 'none',
    hardMethod: 'off-on',
    hardResetAfterMs: 0,
    hardResetTimeoutMs: 0,
    feeds,
    pduRecoveryWaitMs: 0,
    holdUpMs: 0,
    requireGrade: 'confirmed',
    bmc: { address: '', port: 0 },
  }
}

function takeUpLooseShots({ clock, bootId, loose }: ResumeOptions, order: OpenOrder): void {
  const server = serverOf(order.records)
  if (server === undefined) return
  for (const record of order.records) {
    if (record.kind !== 'intent' || !order.loose.has(record.shot.id)) continue
    const sentAt = instant(record.mono, bootId, clock.now())
    loose.add({ order: order.order, server, shot: record.shot, sentAt })
  }
}

function serverOf(records: readonly JournalRecord[]): string | undefined {
  const accepted = records.find((record) => record.kind === 'accepted')
  if (accepted) return accepted.plan.server
  return records.find((record) => record.kind === 'operation')?.target.server
}

/** An instant of another boot counts as now: only what is asked from here on comes after it. */
function instant({ bootId, ms }: Mono, current: string, now: number): number {
  return bootId === current && ms <= now ? ms : now
}

async function noteRecentlyStopped(options: ResumeOptions): Promise<void> {
  const { clock, bootId, journal, stopped, struck } = options
  const servers = new Map<string, string>()
  const stopping = new Set<string>()
  const now = clock.now()
  let after = Math.max(0, journal.durable.seq - RECENT_RECORDS)
  for (;;) {
    const batch = await journal.since(after)
    if (!batch) return
    after = batch.head.seq
    for (const record of batch.records) {
      if (record.kind === 'accepted') servers.set(record.order, record.plan.server)
      if (record.kind === 'intent' && record.shot.rung !== 'on') {
        stopping.add(`${record.order}#${record.shot.id}`)
      }
      if (record.kind !== 'concluded' && record.kind !== 'answer') continue
      const server = servers.get(record.order)
      const at = instant(record.mono, bootId, now)
      if (server === undefined || now - at >= STOPPED_WITHOUT_REGISTRATION_MS) continue
      if (record.kind === 'answer') {
        const took = record.answer === 'accepted' && stopping.has(`${record.order}#${record.shot}`)
        if (took) struck(server, at)
      } else if (record.conclusion.fenced) stopped(server, record.conclusion.result, at)
    }
  }
}
