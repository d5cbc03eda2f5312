// Reads a whole site document: defaults filled in, what was left out kept from the previous document
// ("a field left out of a change keeps its value", spec domain.md §2).
import { matchItems, type Named, nameChanges } from '../identity.ts'
import type { SiteDocument, SiteSpec } from '../site.ts'
import {
  GUEST_HARD_RESET_AFTER_DEFAULT_MS,
  GUEST_HARD_RESET_AFTER_MS,
  MANAGEMENT_SERVERS_MAX,
  OWN_PORT,
  PDUS_MAX,
  SERVERS_MAX,
  SYSTEMS_MAX,
} from './bounds.ts'
import type { FaultList } from './fault.ts'
import { Fields, present } from './fields.ts'
import { PDU_FIELDS, readPdu } from './read-devices.ts'
import {
  CLUSTER_FIELDS,
  followFeeds,
  followServers,
  MANAGEMENT_SERVER_FIELDS,
  type Renames,
  readCluster,
  readHardResetAfter,
  readManagementServer,
  readServer,
  SERVER_FIELDS,
} from './read-servers.ts'

const SITE_FIELDS = ['apiVersion', 'kind', 'metadata', 'spec']
/** What an answer of the control plane adds; a document that was read there may be sent back as it is. */
const ANSWER_FIELDS = ['revision']
const SPEC_FIELDS = [
  'hardResetAfterMs',
  'guestHardResetAfterMs',
  'resetPath',
  'managementServers',
  'pdus',
  'servers',
  'clusters',
]

/** Reads every field and notes what is wrong in `faults`; the result counts only when there is nothing. */
export function readSite(
  raw: unknown,
  previous: SiteDocument | undefined,
  faults: FaultList,
): SiteDocument {
  const root = new Fields(raw, '', faults, [...SITE_FIELDS, ...ANSWER_FIELDS])
  return {
    apiVersion: root.choice('apiVersion', ['palisade/v1']),
    kind: root.choice('kind', ['Site']),
    metadata: root.object('metadata', ['name', ...ANSWER_FIELDS], (metadata) => ({
      name: metadata.name('name', previous?.metadata.name),
    })),
    spec: root.object('spec', SPEC_FIELDS, (spec) => readSpec(spec, previous?.spec)),
  }
}

function readSpec(fields: Fields, previous: SiteSpec | undefined): SiteSpec {
  const renames: Renames = {
    pdus: nameChanges(previous?.pdus ?? [], namesIn(fields, 'pdus')),
    servers: nameChanges(previous?.servers ?? [], namesIn(fields, 'servers')),
  }
  const guestMs = previous?.guestHardResetAfterMs ?? GUEST_HARD_RESET_AFTER_DEFAULT_MS
  return {
    hardResetAfterMs: readHardResetAfter(fields, previous?.hardResetAfterMs ?? 'off'),
    guestHardResetAfterMs: fields.integer(
      'guestHardResetAfterMs',
      GUEST_HARD_RESET_AFTER_MS,
      guestMs,
    ),
    ...present(
      'resetPath',
      fields.optional('resetPath', previous?.resetPath, () =>
        fields.object('resetPath', ['port'], (path) => ({
          port: path.integer('port', OWN_PORT, previous?.resetPath?.port),
        })),
      ),
    ),
    managementServers: readItems(fields, 'managementServers', {
      max: MANAGEMENT_SERVERS_MAX,
      known: MANAGEMENT_SERVER_FIELDS,
      previous: previous?.managementServers.map((item) => followFeeds(item, renames)),
      read: readManagementServer,
    }),
    pdus: readItems(fields, 'pdus', {
      max: PDUS_MAX,
      known: PDU_FIELDS,
      previous: previous?.pdus,
      read: readPdu,
    }),
    servers: readItems(fields, 'servers', {
      max: SERVERS_MAX,
      known: SERVER_FIELDS,
      previous: previous?.servers.map((item) => followFeeds(item, renames)),
      read: readServer,
    }),
    clusters: readItems(fields, 'clusters', {
      max: SYSTEMS_MAX,
      known: CLUSTER_FIELDS,
      previous: previous?.clusters.map((item) => followServers(item, renames)),
      read: readCluster,
    }),
  }
}

interface ItemReader<T> {
  max: number
  known: readonly string[]
  /** What there was, with the names that its references have now. */
  previous: readonly T[] | undefined
  read: (item: Fields, match: T | undefined) => T
}

/** Reads a list of named objects, each with the previous object that it is. */
function readItems<T extends Named>(fields: Fields, field: string, reader: ItemReader<T>): T[] {
  const { max, known, previous = [], read } = reader
  const matches = matchItems(previous, namesIn(fields, field))
  return fields.list(field, max, [...previous], (raw, pointer, index) =>
    read(new Fields(raw, pointer, fields.faults, known), matches[index]),
  )
}

/** Names as far as they can be made out before anything is checked; one entry for each element. */
function namesIn(fields: Fields, field: string): Named[] {
  const list = fields.raw(field)
  if (!Array.isArray(list)) return []
  return Array.from(list, (element: unknown) => {
    const raw = (typeof element === 'object' && element !== null ? element : {}) as Named
    const name = typeof raw.name === 'string' ? raw.name : ''
    return typeof raw.renamedFrom === 'string' ? { name, renamedFrom: raw.renamedFrom } : { name }
  })
}
