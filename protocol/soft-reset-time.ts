// How long a system took from the soft request to its stop notice, from the records of one reset or test
// (spec domain.md §9): what `hardResetAfterMs` is chosen by.
import type { JournalRecord } from './report.ts'

export interface SoftResetTime {
  /** Of the notice. */
  at: string
  tookMs: number
}

/**
 * Undefined when no interrupt was sent, or no notice followed in the same boot of the management server: the
 * monotonic clock alone is trusted.
 */
export function softResetTime(records: Iterable<JournalRecord>): SoftResetTime | undefined {
  const all = [...records]
  const unsent = new Set(
    all.flatMap((record) =>
      record.kind === 'answer' && record.answer === 'unreachable' ? [record.shot] : [],
    ),
  )
  // An intent that grew stale was written again and sent nothing: the last one counts.
  const sent = all.findLast(
    (record) =>
      record.kind === 'intent' && record.shot.rung === 'soft' && !unsent.has(record.shot.id),
  )
  if (sent?.kind !== 'intent') return undefined
  const times = all.flatMap((record) => {
    if (record.kind !== 'noticed' || record.mono.bootId !== sent.mono.bootId) return []
    const tookMs = record.mono.ms - sent.mono.ms
    return tookMs > 0 ? [{ at: record.at, tookMs: Math.round(tookMs * 10) / 10 }] : []
  })
  return times.sort((a, b) => a.tookMs - b.tookMs)[0]
}
