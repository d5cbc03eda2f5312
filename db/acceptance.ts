// What the acceptance of resets reads and writes. Each is one statement, because a reset waits for every trip.
import { sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { storable } from './columns.ts'
import { EVENTS_LOCK } from './events.ts'
import type { NewOrder } from './orders.ts'
import type { ResetRow } from './resets.ts'

/** A site's document at one revision. */
export interface SiteState {
  revision: number
  /** Tells versions apart whose revision came again because a database was restored. */
  appliedAt: string | null
  /** Null before the first apply. */
  document: unknown
}

interface LockedRow extends Record<string, unknown> {
  revision: number
  applied_at: string | null
  held: boolean
  document: unknown
}

/**
 * Takes the row lock of a site, as `lockSite` does. A document that is the one `held` is not read again: one of
 * a thousand servers takes longer to parse than a reset may take.
 */
export async function lockSiteHolding(
  tx: Db,
  name: string,
  held: SiteState | undefined,
): Promise<SiteState | undefined> {
  const isHeld = sql`coalesce(revision = ${held?.revision ?? null}
    and applied_at = ${held?.appliedAt ?? null}, false)`
  const [row] = await tx.execute<LockedRow>(sql`
    select revision, applied_at, ${isHeld} as held,
      case when ${isHeld} then null else document end as document
    from sites where name = ${name} for update`)
  if (!row) return undefined
  if (row.held && held) return held
  return { revision: row.revision, appliedAt: row.applied_at, document: row.document }
}

/** What is open, loose and completed at a site, and which of some ids are known. */
export interface Standing {
  open: Pick<ResetRow, 'id' | 'server' | 'status'>[]
  /** Servers with an effect out about which no device has told. */
  loose: string[]
  completed: { server: string; fencedAt: string }[]
  known: string[]
}

interface StandingRow extends Record<string, unknown> {
  part: keyof Standing
  id: string
  server: string
  status: string
  at: string
}

/** `since`: completed resets whose target was stopped at or after it (RFC 3339). Ids are plain words. */
export async function readStanding(
  tx: Db,
  { site, since, ids }: { site: string; since: string; ids: readonly string[] },
): Promise<Standing> {
  const rows = await tx.execute<StandingRow>(sql`
    select 'open' as part, id, server, status, requested_at as at from resets
      where site = ${site} and ended_at is null
    union all select distinct 'loose', '', server, '', '' from resets
      where site = ${site} and (loose or status = 'unknown')
    union all select 'completed', '', server, '', fenced_at from resets
      where site = ${site} and fenced and fenced_at >= ${since}
    union all select 'known', id, '', '', '' from resets
      where id = any(string_to_array(${ids.join(',')}, ','))
    order by at`)
  const parts = (part: keyof Standing) => rows.filter((row) => row.part === part)
  return {
    open: parts('open').map(({ id, server, status }) => ({ id, server, status })),
    loose: parts('loose').map(({ server }) => server),
    completed: parts('completed').map(({ server, at }) => ({ server, fencedAt: at })),
    known: parts('known').map(({ id }) => id),
  }
}

/** A reset, its order and its event. */
export interface AcceptedReset
  extends Pick<ResetRow, 'id' | 'site' | 'server' | 'bodyHash' | 'status' | 'view' | 'requestedAt'>,
    Pick<NewOrder, 'token' | 'content' | 'issuedAtMs' | 'expiresAtMs' | 'overdueAtMs'> {
  event: unknown
}

/** The agent to which orders go as soon as they are stored. */
export interface SendingTo {
  site: string
  kid: string
  epoch: number
  nowMs: number
}

/**
 * Stores accepted resets with their orders and events, and tells of each that was stored whether its order
 * stands as sent: not when the agent is not enrolled any more. A reset whose server's place is taken or
 * whose id is known is left out. Call it as the last write of a transaction.
 */
export async function storeAccepted(
  tx: Db,
  accepted: readonly AcceptedReset[],
  to: SendingTo | undefined,
): Promise<Map<string, { sent: boolean }>> {
  const rows = await tx.execute<{ id: string; sent: boolean }>(sql`
    with asked as materialized (
      select * from json_to_recordset(${JSON.stringify(accepted.map(asTexts))}::json) as asked (
        position int, id text, site text, server text, "bodyHash" text, status text, view text,
        "requestedAt" text, token text, content text, "issuedAtMs" bigint, "expiresAtMs" bigint,
        "overdueAtMs" bigint, event text)
    ), opened as (
      insert into resets (id, site, server, origin, body_hash, status, holds, view, requested_at)
      select id, site, server, 'control-plane', "bodyHash", status, true, view::json, "requestedAt"
      from asked order by position
      on conflict do nothing returning id
    ), recipient as materialized (
      select ${to?.nowMs ?? null}::bigint as at, ${to?.kid ?? null}::text as kid,
        ${to?.epoch ?? null}::bigint as epoch
      where exists (select from agents where site = ${to?.site ?? null} and kid = ${to?.kid ?? null})
    ), stored as (
      insert into orders (id, site, kind, token, content, issued_at_ms, expires_at_ms, overdue_at_ms,
        sent_at_ms, sent_to, sent_epoch)
      select id, site, 'reset', token, content::json, "issuedAtMs", "expiresAtMs", "overdueAtMs",
        recipient.at, recipient.kid, recipient.epoch
      from asked join opened using (id) left join recipient on true
      returning id, sent_to is not null as sent
    ), turn as materialized (
      select pg_advisory_xact_lock(${EVENTS_LOCK})
    ), told as (
      insert into events (site, type, at, payload)
      select site, 'reset', "requestedAt", event::json
      from turn, asked join opened using (id) order by position
    )
    select id, sent from stored`)
  return new Map(rows.map(({ id, sent }) => [id, { sent }]))
}

/** Documents as texts: Postgres would not take a NUL within one that it has to look into. */
function asTexts({ server, view, content, event, ...reset }: AcceptedReset, position: number) {
  return {
    ...reset,
    position,
    server: storable(server),
    view: JSON.stringify(view),
    content: JSON.stringify(content),
    event: JSON.stringify(event),
  }
}
