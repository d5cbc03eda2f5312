// The order in which records of several agents are read: each agent's own sequence as it is, agents
// interleaved by epoch and then by the wall clock.
import type { JournalRecord } from './report.ts'

/** Every record once, whatever the order and number of copies in which they came. */
export function inOrder(records: Iterable<JournalRecord>): JournalRecord[] {
  const queues = [...byAgent(records).values()].map((own) =>
    [...own.values()].sort((a, b) => a.start - b.start || a.seq - b.seq),
  )
  const next = queues.map(() => 0)
  const sorted: JournalRecord[] = []
  for (;;) {
    let first: { record: JournalRecord; queue: number } | undefined
    for (const [queue, own] of queues.entries()) {
      const record = own[next[queue] ?? 0]
      if (record === undefined) continue
      if (first === undefined || before(record, first.record)) first = { record, queue }
    }
    if (first === undefined) return sorted
    sorted.push(first.record)
    next[first.queue] = (next[first.queue] ?? 0) + 1
  }
}

function byAgent(records: Iterable<JournalRecord>): Map<string, Map<number, JournalRecord>> {
  const agents = new Map<string, Map<number, JournalRecord>>()
  for (const record of records) {
    const own = agents.get(record.agent) ?? new Map<number, JournalRecord>()
    own.set(record.seq, record)
    agents.set(record.agent, own)
  }
  return agents
}

/** Instants all have one length and one zone, so that text compares like time. */
function before(a: JournalRecord, b: JournalRecord): boolean {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch
  if (a.at !== b.at) return a.at < b.at
  return a.agent < b.agent
}
