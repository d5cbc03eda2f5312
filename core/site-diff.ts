// What applying a site document would change, what of that cannot change now, and what the site is then:
// "what succeeded stays" (spec domain.md §8).

import type { Item, Subject } from './limits/fault.ts'
import { checkRules } from './limits.ts'
import { PDU_MODELS } from './pdu-models.ts'
import type { SiteDocument } from './site.ts'
import { type Entries, type Entry, type Operation, pairUp } from './site-diff/entries.ts'
import { mergeSite } from './site-diff/merge.ts'
import { type ChangeReason, type Refusal, type Running, refusals } from './site-diff/refusals.ts'

export interface SiteChange {
  subject: Subject
  name: string
  operation: Operation
  result: 'Success' | 'Error'
  reason?: ChangeReason
  /** Of a Success the fields that changed; of an Error what stands in the way. Never a secret. */
  detail?: string
}

export interface SubjectSummary {
  subject: Subject
  success: number
  total: number
  result: 'Success' | 'Failed'
}

export interface SiteDiff {
  result: 'completed' | 'failed'
  summary: SubjectSummary[]
  changes: SiteChange[]
  /** The site as it is when every Success has been stored. */
  applied: SiteDocument
}

/** Always in the report, changed or not. */
const MAIN_SUBJECTS: readonly Subject[] = ['managementServer', 'server', 'pdu']
const ORDER: readonly Subject[] = ['site', 'managementServer', 'pdu', 'server', 'cluster']

/** Both documents must have passed `validateSite`, `next` against `previous`. */
export function diffSite(
  previous: SiteDocument | undefined,
  next: SiteDocument,
  running: Running,
): SiteDiff {
  const entries = pairUp(previous, next)
  const refused = previous ? refusals(previous, entries, running) : new Map<Entry, Refusal>()
  const applied = refused.size === 0 ? next : settle(next, entries, refused)
  const changes = ORDER.flatMap((subject) =>
    entries[subject].flatMap((entry: Entry) => changeOf(entry, refused.get(entry))),
  )
  return {
    result: changes.some(({ result }) => result === 'Error') ? 'failed' : 'completed',
    summary: summarize(changes),
    changes,
    applied,
  }
}

/** Refuses what no longer fits to what was refused before, until the document is sound. */
function settle(next: SiteDocument, entries: Entries, refused: Map<Entry, Refusal>): SiteDocument {
  for (;;) {
    const merged = mergeSite(next, entries, refused)
    const open = ORDER.flatMap((subject): Entry[] => entries[subject]).filter(
      (entry) => entry.operation !== undefined && !refused.has(entry),
    )
    const faults = checkRules(merged, PDU_MODELS)
    if (faults.length === 0 || open.length === 0) return merged
    for (const { involves, detail } of faults) {
      const concerned = open.filter((entry) => involves.some((item) => isAbout(entry, item)))
      for (const entry of concerned) refused.set(entry, { reason: 'invalid', detail })
    }
    if (open.some((entry) => refused.has(entry))) continue
    // No open change is named by any fault: none of them can be trusted to be sound.
    const [fault] = faults
    for (const entry of open) refused.set(entry, { reason: 'invalid', detail: fault?.detail ?? '' })
  }
}

function isAbout({ subject, before, after }: Entry, item: Item): boolean {
  return subject === item.subject && (before?.name === item.name || after?.name === item.name)
}

function changeOf(entry: Entry, refusal: Refusal | undefined): SiteChange[] {
  const { subject, operation, before, after, fields } = entry
  if (operation === undefined) return []
  const name = after?.name ?? before?.name ?? ''
  if (refusal) return [{ subject, name, operation, result: 'Error', ...refusal }]
  const renamed = before && before.name !== name ? `renamed from ${before.name}` : undefined
  const detail = [renamed, ...fields.filter((field) => field !== 'name')].filter(Boolean).join(', ')
  return [{ subject, name, operation, result: 'Success', ...(detail ? { detail } : {}) }]
}

function summarize(changes: readonly SiteChange[]): SubjectSummary[] {
  const subjects = ORDER.filter(
    (subject) =>
      MAIN_SUBJECTS.includes(subject) || changes.some((change) => change.subject === subject),
  )
  return subjects.map((subject) => {
    const all = changes.filter((change) => change.subject === subject)
    const success = all.filter(({ result }) => result === 'Success').length
    return {
      subject,
      success,
      total: all.length,
      result: success === all.length ? 'Success' : 'Failed',
    }
  })
}
