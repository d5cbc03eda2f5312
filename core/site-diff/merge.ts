// The document that results when some changes are refused: refused objects keep their old form, and every
// reference follows the names that remain.
import type { Named } from '../identity.ts'
import { followFeeds, followServers, type Renames } from '../limits/read-servers.ts'
import type { SiteDocument } from '../site.ts'
import { type Entries, type Entry, settingsOf } from './entries.ts'

export interface EntrySet {
  has(entry: Entry): boolean
}

export function mergeSite(next: SiteDocument, entries: Entries, refused: EntrySet): SiteDocument {
  const renames = {
    old: {
      pdus: finalNames(entries.pdu, refused, 'before'),
      servers: finalNames(entries.server, refused, 'before'),
    },
    new: {
      pdus: finalNames(entries.pdu, refused, 'after'),
      servers: finalNames(entries.server, refused, 'after'),
    },
  } satisfies Record<string, Renames>
  const forms = <T extends Named>(list: readonly Entry<T>[], follow: (form: T, by: Renames) => T) =>
    list.flatMap((entry) => {
      const form = finalForm(entry, refused)
      return form ? [follow(form, refused.has(entry) ? renames.old : renames.new)] : []
    })
  const [site] = entries.site
  const {
    name: _,
    renamedFrom: __,
    ...settings
  } = (site && finalForm(site, refused)) ?? settingsOf(next)
  return {
    ...next,
    spec: {
      ...settings,
      managementServers: forms(entries.managementServer, followFeeds),
      pdus: forms(entries.pdu, (form) => form),
      servers: forms(entries.server, followFeeds),
      clusters: forms(entries.cluster, followServers),
    },
  }
}

/** What stays of one object; undefined when nothing does. */
export function finalForm<T extends Named>(entry: Entry<T>, refused: EntrySet): T | undefined {
  return refused.has(entry) ? entry.before : entry.after
}

/** From the names of one of the two documents to those of the merged one. */
function finalNames(
  list: readonly Entry[],
  refused: EntrySet,
  document: 'before' | 'after',
): Map<string, string> {
  const names = new Map<string, string>()
  for (const entry of list) {
    const [from, to] = [entry[document]?.name, finalForm(entry, refused)?.name]
    if (from !== undefined && to !== undefined) names.set(from, to)
  }
  return names
}
