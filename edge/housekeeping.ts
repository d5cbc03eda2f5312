// Keeps what grows from growing without end: events for a week, the operator log for as long as it was
// configured. The audit is never touched. A control plane where nothing happens writes nothing by this.
import type { Cancel, Clock } from '../core/ports.ts'
import type { Db } from '../db/client.ts'
import { pruneEvents, pruneOperatorLog } from '../db/pruning.ts'
import { describeError } from './errors.ts'
import type { Log } from './ports.ts'

export const OPERATOR_LOG_DAYS_DEFAULT = 400
const EVENTS_DAYS = 7
const EVENTS_MAX = 200_000
const DAY_MS = 86_400_000
/** Early, so that one that is often restarted tidies up as well. */
export const FIRST_TIDY_AFTER_MS = 60_000
export const TIDY_EVERY_MS = 3_600_000
/** Small enough for no lock to be held for long. */
const BATCH = 1000
/** Of one hour; what is left is taken up by the next. */
const BATCHES_MAX = 1000

export interface Keeping {
  operatorLogDays: number
  /** Default 200,000. */
  eventsMax?: number
}

interface Ports {
  db: Db
  clock: Clock
  log: Log
}

/**
 * Removes what is due, batch by batch, for as long as `goOn` says so. A runtime without timers of its own, such
 * as a scheduled worker, calls this every hour.
 */
export async function tidyUp(
  { db, clock, log }: Ports,
  { operatorLogDays, eventsMax = EVENTS_MAX }: Keeping,
  goOn: () => boolean = () => true,
): Promise<{ events: number; operatorLog: number }> {
  const daysAgo = (days: number) => instantOf(clock.wallMs() - days * DAY_MS)
  const bounds = { before: daysAgo(EVENTS_DAYS), rowsMax: eventsMax, batch: BATCH }
  const events = await inBatches(goOn, () => pruneEvents(db, bounds))
  const old = { before: daysAgo(operatorLogDays), batch: BATCH }
  const operatorLog = await inBatches(goOn, () => pruneOperatorLog(db, old))
  if (events + operatorLog > 0) log('info', 'tidied-up', { events, operatorLog })
  return { events, operatorLog }
}

/** Tidies up soon and then every hour, until it is stopped; the stop waits for the batch that is under way. */
export function startHousekeeping(ports: Ports, keeping: Keeping): () => Promise<void> {
  let stopped = false
  let running: Promise<unknown> = Promise.resolve()
  let cancel: Cancel = () => {}
  const arm = (delayMs: number) => {
    if (stopped) return
    cancel = ports.clock.after(delayMs, () => {
      running = tidyUp(ports, keeping, () => !stopped)
        .catch((error: unknown) => ports.log('error', 'tidy-up-failed', describeError(error)))
        .finally(() => arm(TIDY_EVERY_MS))
    })
  }
  arm(FIRST_TIDY_AFTER_MS)
  return async () => {
    stopped = true
    cancel()
    await running
  }
}

async function inBatches(goOn: () => boolean, prune: () => Promise<number>): Promise<number> {
  let removed = 0
  for (let batches = 0; batches < BATCHES_MAX && goOn(); batches += 1) {
    const gone = await prune()
    if (gone === 0) break
    removed += gone
  }
  return removed
}

/** In the fixed form of stored instants, so that text compares like time. */
function instantOf(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}
