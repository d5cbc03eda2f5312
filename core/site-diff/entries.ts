// The objects of two documents side by side: what is added, deleted and changed between them. A reference
// that only follows a rename is no change.
import { matchItems, type Named, nameChanges } from '../identity.ts'
import type { Subject } from '../limits/fault.ts'
import { followFeeds, followServers, type Renames } from '../limits/read-servers.ts'
import type { Cluster, ManagementServer, Pdu, Server, SiteDocument, SiteSpec } from '../site.ts'

export type Operation = 'Add' | 'Delete' | 'Change'

/** The settings of a site outside its lists, as one object of the report. */
export interface Settings extends Named, Pick<SiteSpec, 'hardResetAfterMs' | 'resetPath'> {
  guestHardResetAfterMs: number
}

export interface Entry<T extends Named = Named> {
  subject: Subject
  before: T | undefined
  after: T | undefined
  /** Undefined when nothing changes. */
  operation: Operation | undefined
  /** Top-level fields that differ, of a Change. */
  fields: string[]
}

export interface Entries {
  site: Entry<Settings>[]
  managementServer: Entry<ManagementServer>[]
  pdu: Entry<Pdu>[]
  server: Entry<Server>[]
  cluster: Entry<Cluster>[]
}

export function pairUp(previous: SiteDocument | undefined, next: SiteDocument): Entries {
  const [before, after] = [previous?.spec, next.spec]
  const renames: Renames = {
    pdus: nameChanges(before?.pdus ?? [], after.pdus),
    servers: nameChanges(before?.servers ?? [], after.servers),
  }
  const same = <T>(form: T): T => form
  return {
    site: pairs('site', previous ? [settingsOf(previous)] : [], [settingsOf(next)], same),
    managementServer: pairs(
      'managementServer',
      before?.managementServers ?? [],
      after.managementServers,
      (form) => followFeeds(form, renames),
    ),
    pdu: pairs('pdu', before?.pdus ?? [], after.pdus, same),
    server: pairs('server', before?.servers ?? [], after.servers, (form) =>
      followFeeds(form, renames),
    ),
    cluster: pairs('cluster', before?.clusters ?? [], after.clusters, (form) =>
      followServers(form, renames),
    ),
  }
}

export function settingsOf({ metadata, spec }: SiteDocument): Settings {
  const { hardResetAfterMs, guestHardResetAfterMs, resetPath } = spec
  return {
    name: metadata.name,
    hardResetAfterMs,
    guestHardResetAfterMs,
    ...(resetPath ? { resetPath } : {}),
  }
}

/** `follow` gives a previous form the names that its references have in the next document. */
function pairs<T extends Named>(
  subject: Subject,
  before: readonly T[],
  after: readonly T[],
  follow: (form: T) => T,
): Entry<T>[] {
  const matches = matchItems(before, after)
  const matched = new Set(matches)
  const kept = after.map((form, index): Entry<T> => {
    const match = matches[index]
    if (!match) return { subject, before: match, after: form, operation: 'Add', fields: [] }
    const fields = differingFields(follow(match), form)
    const operation = fields.length > 0 ? 'Change' : undefined
    return { subject, before: match, after: form, operation, fields }
  })
  const gone = before
    .filter((form) => !matched.has(form))
    .map((form): Entry<T> => {
      return { subject, before: form, after: undefined, operation: 'Delete', fields: [] }
    })
  return [...kept, ...gone]
}

/** `renamedFrom` tells how to read a document; it is no property of the object. */
function differingFields(a: object, b: object): string[] {
  const fields = new Set([...Object.keys(a), ...Object.keys(b)])
  fields.delete('renamedFrom')
  return [...fields].filter(
    (field) => !sameValue(a[field as keyof typeof a], b[field as keyof typeof b]),
  )
}

export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(
    (key) => Object.hasOwn(b, key) && sameValue(a[key as keyof typeof a], b[key as keyof typeof b]),
  )
}
