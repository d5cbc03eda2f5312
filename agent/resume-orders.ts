// What an agent takes up at start: open ladders, effects without an answer, and who was stopped just now.
import { STOPPED_WITHOUT_REGISTRATION_MS } from '../core/arbiter.ts'
import { type Move, resetCourse, restoreCourse } from '../core/course.ts'
import { resumePduTest } from '../core/drill/pdu-step.ts'
import { resumeSoftResetTest } from '../core/drill/soft-reset-test.ts'
import type { Moment } from '../core/ladder/ladder.ts'
import { type HistoryEntry, type Mono, resume, resumeRestore } from '../core/ladder/resume.ts'
import { blankLadder } from '../core/ladder/step.ts'
import type { Result } from '../core/outcome.ts'
import type { Plan } from '../core/plan.ts'
import type { Clock } from '../core/ports.ts'
import type { ShotState } from '../core/shot.ts'
import type { SiteDocument } from '../core/site.ts'
import type { JournalRecord, RecordOf } from '../protocol/report.ts'
import type { Executor } from './executor.ts'
import type { Journal } from './journal/journal.ts'
import type { OpenOrder } from './journal/memory.ts'
import type { LooseShots } from './loose.ts'
import { pduTestPlan, restorePlan } from './operations.ts'

export interface ResumeOptions {
  site: SiteDocument | undefined
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
  const resets = new Map<string, Plan>()
  for (const { open, records } of orders) {
    const resumed = open ? resume(historyOf(records), bootId, at) : undefined
    if (!resumed) continue
    const [{ plan }] = resumed
    resets.set(plan.server, plan)
    executor.run(resetCourse(resumed))
  }
  for (const { open, records } of orders) {
    const operation = records.find((record) => record.kind === 'operation')
    if (open && operation)
      executor.run(resumeOperation(options, operation, records, { at, resets }))
  }
}

/** A restore goes on. A test ends, and what it had switched off comes back. */
function resumeOperation(
  { site, bootId }: ResumeOptions,
  record: RecordOf<'operation'>,
  records: readonly JournalRecord[],
  { at, resets }: { at: Moment; resets: ReadonlyMap<string, Plan> },
): Move {
  const { order, operation, feeds, test: settings } = record
  const { server } = record.target
  if (operation === 'soft-reset-test') return resumeSoftResetTest(order, server, at)
  if (operation === 'restore' || !settings) {
    const blank = blankLadder(order, restorePlan(server, feeds), at.ms)
    return restoreCourse(resumeRestore(blank, historyOf(records), bootId, at))
  }
  const plan = pduTestPlan(order, record.target, { feeds, settings }, site)
  const reset = resets.get(server)
  const underWay = reset && { hasFeeds: reset.feeds.length > 0 }
  return resumePduTest(plan, shotsOf(records, at), underWay, at)
}

function shotsOf(records: readonly JournalRecord[], { ms }: Moment): ShotState[] {
  const intents = records.filter((record) => record.kind === 'intent')
  const last = new Map(intents.map(({ shot }) => [shot.id, { ...shot, intendedAt: ms }]))
  return [...last.values()].sort((a, b) => a.id - b.id)
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

function takeUpLooseShots({ clock, bootId, loose }: ResumeOptions, order: OpenOrder): void {
  const server = serverOf(order.records)
  if (server === undefined) return
  const operation = order.records.find((record) => record.kind === 'operation')
  const stops = operation?.test?.mode !== 'serial'
  for (const record of order.records) {
    if (record.kind !== 'intent' || !order.loose.has(record.shot.id)) continue
    const sentAt = instant(record.mono, bootId, clock.now())
    loose.add({ order: order.order, server, shot: record.shot, stops, sentAt })
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
  /** Servers of settled effects whose instant is not known yet: the next record that tells one bounds it. */
  let settled: string[] = []
  const now = clock.now()
  const isRecent = (at: number) => now - at < STOPPED_WITHOUT_REGISTRATION_MS
  const strikeSettled = (at: number) => {
    if (isRecent(at)) for (const server of settled) struck(server, at)
    settled = []
  }
  let after = Math.max(0, journal.durable.seq - RECENT_RECORDS)
  for (;;) {
    const batch = await journal.since(after)
    if (!batch) return strikeSettled(now)
    after = batch.head.seq
    for (const record of batch.records) {
      if (record.kind === 'accepted') servers.set(record.order, record.plan.server)
      if (record.kind === 'operation' && record.test?.mode !== 'serial') {
        servers.set(record.order, record.target.server)
      }
      if (record.kind === 'intent' && record.shot.rung !== 'on') {
        stopping.add(`${record.order}#${record.shot.id}`)
      }
      if ('mono' in record) strikeSettled(instant(record.mono, bootId, now))
      if (record.kind !== 'concluded' && record.kind !== 'answer' && record.kind !== 'settled') {
        continue
      }
      const server = servers.get(record.order)
      if (server === undefined) continue
      const took = (shot: number) => stopping.has(`${record.order}#${shot}`)
      if (record.kind === 'settled') {
        // Handled or dropped: nobody can tell which.
        if (took(record.shot)) settled.push(server)
        continue
      }
      const at = instant(record.mono, bootId, now)
      if (!isRecent(at)) continue
      if (record.kind === 'answer') {
        if (record.answer === 'accepted' && took(record.shot)) struck(server, at)
      } else if (record.conclusion.fenced) stopped(server, record.conclusion.result, at)
    }
  }
}
