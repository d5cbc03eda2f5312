// The tables of the control plane. Columns of free text or reported documents are `json`, never `jsonb`:
// `jsonb` refuses \u0000 and reorders keys. Instants are RFC 3339 text, deadlines epoch milliseconds.
import { sql } from 'drizzle-orm'
import {
  bigint,
  bigserial,
  boolean,
  index,
  integer,
  json,
  pgTable,
  primaryKey,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import type { OperationKind } from '../core/operation.ts'
import { instant, word } from './columns.ts'

const count = (name: string) => bigint(name, { mode: 'number' })

/** A row without document exists from the first enrolment until the first apply. */
export const sites = pgTable('sites', {
  name: word('name').primaryKey(),
  revision: integer('revision').notNull().default(0),
  document: json('document'),
  /** Public JWK that clients seal credentials to; set by the first agent. */
  sealKey: json('seal_key'),
  createdAt: instant('created_at').notNull(),
  appliedAt: instant('applied_at'),
  appliedBy: word('applied_by'),
})

export const agents = pgTable(
  'agents',
  {
    site: word('site').notNull(),
    name: word('name').notNull(),
    kid: word('kid').notNull(),
    enrolment: json('enrolment').notNull(),
    enrolledAt: instant('enrolled_at').notNull(),
    version: word('version'),
    start: count('start').notNull().default(0),
    epoch: count('epoch').notNull().default(0),
    /** Highest sequence up to which every record under the present key is stored. */
    received: count('received').notNull().default(0),
    /** Of the site document that the agent holds. */
    revision: integer('revision').notNull().default(0),
    /** Came back with fewer records than are stored: it gets no order until it is enrolled anew. */
    rolledBack: boolean('rolled_back').notNull().default(false),
    connectedAt: instant('connected_at'),
    heardAt: instant('heard_at'),
  },
  (table) => [primaryKey({ columns: [table.site, table.name] })],
)

/** Every key that an agent ever had: records of a replaced key stay verifiable. */
export const agentKeys = pgTable(
  'agent_keys',
  {
    site: word('site').notNull(),
    agent: word('agent').notNull(),
    kid: word('kid').notNull(),
    key: json('key').notNull(),
    enrolledAt: instant('enrolled_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.site, table.agent, table.kid] })],
)

export const enrolments = pgTable('enrolments', {
  hash: word('hash').primaryKey(),
  site: word('site').notNull(),
  agent: word('agent').notNull(),
  createdAt: instant('created_at').notNull(),
  createdBy: word('created_by').notNull(),
  expiresAtMs: count('expires_at_ms').notNull(),
  usedAt: instant('used_at'),
  /** Key that used it: the same agent may ask again after a lost answer. */
  usedBy: word('used_by'),
})

export const tokens = pgTable(
  'tokens',
  {
    id: word('id').primaryKey(),
    hash: word('hash').notNull(),
    name: word('name').notNull(),
    scope: word('scope').$type<'read' | 'operate' | 'admin'>().notNull(),
    site: word('site'),
    cluster: word('cluster'),
    createdAt: instant('created_at').notNull(),
    createdBy: word('created_by').notNull(),
    expiresAtMs: count('expires_at_ms'),
    revokedAt: instant('revoked_at'),
  },
  (table) => [uniqueIndex('tokens_hash').on(table.hash)],
)

export const resets = pgTable(
  'resets',
  {
    id: word('id').primaryKey(),
    site: word('site').notNull(),
    server: word('server').notNull(),
    origin: word('origin').$type<'control-plane' | 'agent'>().notNull(),
    /** sha-256 of the request; null for a reset that only a report told of. */
    bodyHash: word('body_hash'),
    status: word('status').notNull(),
    result: word('result'),
    fenced: boolean('fenced').notNull().default(false),
    /** An effect is out about which no device has told yet. */
    loose: boolean('loose').notNull().default(false),
    /** Occupies its server's one place; given up when the reset ends or turns unknown, never retaken. */
    holds: boolean('holds').notNull(),
    view: json('view').notNull(),
    requestedAt: instant('requested_at').notNull(),
    fencedAt: instant('fenced_at'),
    endedAt: instant('ended_at'),
    /** When the end was learnt, by the control plane's clock: an Idempotency-Key lives on from here. */
    endKnownAtMs: count('end_known_at_ms'),
  },
  (table) => [
    uniqueIndex('resets_one_open_per_server')
      .on(table.site, table.server)
      .where(sql`${table.holds} and ${table.origin} = 'control-plane'`),
    index('resets_newest').on(table.site, table.requestedAt, table.id),
    index('resets_open').on(table.site).where(sql`${table.endedAt} is null`),
    // Every acceptance asks for these; the history of a site grows without end.
    index('resets_loose').on(table.site).where(sql`${table.loose} or ${table.status} = 'unknown'`),
    index('resets_completed').on(table.site, table.fencedAt).where(sql`${table.fenced}`),
  ],
)

/** Restores and tests. */
export const operations = pgTable(
  'operations',
  {
    id: word('id').primaryKey(),
    site: word('site').notNull(),
    server: word('server').notNull(),
    origin: word('origin').$type<'control-plane' | 'agent'>().notNull(),
    bodyHash: word('body_hash'),
    status: word('status').notNull(),
    view: json('view').notNull(),
    requestedAt: instant('requested_at').notNull(),
    endedAt: instant('ended_at'),
    endKnownAtMs: count('end_known_at_ms'),
  },
  (table) => [index('operations_newest').on(table.site, table.requestedAt)],
)

/** What the hub has to get to an agent, and until when. */
export const orders = pgTable(
  'orders',
  {
    id: word('id').primaryKey(),
    site: word('site').notNull(),
    kind: word('kind').$type<'reset' | OperationKind>().notNull(),
    token: word('token').notNull(),
    /** What the token says: stands in for a request that no record tells. */
    content: json('content').notNull(),
    issuedAtMs: count('issued_at_ms').notNull(),
    expiresAtMs: count('expires_at_ms').notNull(),
    /** When a journalled order should have ended: the sum of its plan's timers and a margin. */
    overdueAtMs: count('overdue_at_ms').notNull(),
    /** Recorded before the first send, so that "never sent" is certain. */
    sentAtMs: count('sent_at_ms'),
    /** Key of the agent. */
    sentTo: word('sent_to'),
    sentEpoch: count('sent_epoch'),
    journalledAtMs: count('journalled_at_ms'),
    /** It was reported as unknown; delivery goes on, but no alarm is set for it any more. */
    overdueNoted: boolean('overdue_noted').notNull().default(false),
    /** It ended, or expired unsent: nothing is left to deliver. */
    closed: boolean('closed').notNull().default(false),
  },
  (table) => [index('orders_pending').on(table.site).where(sql`not ${table.closed}`)],
)

/** The journals as reported. One chain per agent and key; forks are kept, they are evidence. */
export const records = pgTable(
  'records',
  {
    hash: word('hash').primaryKey(),
    site: word('site').notNull(),
    agent: word('agent').notNull(),
    kid: word('kid').notNull(),
    seq: count('seq').notNull(),
    kind: word('kind').notNull(),
    order: word('order'),
    server: word('server'),
    at: instant('at').notNull(),
    /** The record exactly as its hash covers it, as JSON text. */
    record: word('record').notNull(),
  },
  (table) => [
    index('records_chain').on(table.site, table.agent, table.kid, table.seq),
    index('records_order').on(table.site, table.order),
    index('records_time').on(table.site, table.at, table.hash),
  ],
)

/** Signed heads of batches: with the keys they make the audit verifiable offline. */
export const heads = pgTable(
  'heads',
  {
    site: word('site').notNull(),
    agent: word('agent').notNull(),
    kid: word('kid').notNull(),
    seq: count('seq').notNull(),
    hash: word('hash').notNull(),
    token: word('token').notNull(),
  },
  (table) => [primaryKey({ columns: [table.site, table.agent, table.kid, table.seq, table.hash] })],
)

/** Last-known values of what is watched (spec domain.md §5). */
export const observations = pgTable(
  'observations',
  {
    site: word('site').notNull(),
    subject: word('subject').notNull(),
    name: word('name').notNull(),
    attribute: word('attribute').notNull(),
    value: word('value').notNull(),
    detail: word('detail').notNull(),
    readAt: instant('read_at').notNull(),
    agent: word('agent').notNull(),
    seq: count('seq').notNull(),
  },
  (table) => [primaryKey({ columns: [table.site, table.subject, table.name, table.attribute] })],
)

/** What `GET /v1/events` streams; the id is the Last-Event-ID. */
export const events = pgTable(
  'events',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    site: word('site').notNull(),
    type: word('type').notNull(),
    at: instant('at').notNull(),
    payload: json('payload').notNull(),
  },
  (table) => [index('events_site').on(table.site, table.id)],
)

/** Who changed what over the API, the refused attempts too; nothing of a body that could be a secret. */
export const operatorLog = pgTable(
  'operator_log',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    /** Made with the request, so that a write whose answer was lost can come again. */
    entry: word('entry').notNull(),
    at: instant('at').notNull(),
    method: word('method').notNull(),
    /** As in the OpenAPI document; null when no route matched. */
    route: word('route'),
    dryRun: boolean('dry_run').notNull(),
    site: word('site'),
    subject: word('subject'),
    /** Null for a caller that was not recognised. */
    tokenId: word('token_id'),
    tokenName: word('token_name'),
    status: integer('status').notNull(),
    code: word('code'),
    /** Of the reset, operation or token that the request made. */
    made: word('made'),
    remoteAddress: word('remote_address'),
    /** sha-256 of the Idempotency-Key. */
    keyHash: word('key_hash'),
    userAgent: word('user_agent'),
  },
  (table) => [
    uniqueIndex('operator_log_entry').on(table.entry),
    index('operator_log_site').on(table.site, table.id),
    index('operator_log_time').on(table.at),
  ],
)

/** Public halves of the keys that sign orders, the retired ones included. */
export const controlPlaneKeys = pgTable('control_plane_keys', {
  kid: word('kid').primaryKey(),
  key: json('key').notNull(),
  createdAt: instant('created_at').notNull(),
})
