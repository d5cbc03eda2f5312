// Agents, their keys, and the one-time tokens by which they enrol.
import { and, asc, eq, isNull, or, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { given, prepared } from './prepared.ts'
import { agentKeys, agents, enrolments } from './schema.ts'

export type AgentRow = typeof agents.$inferSelect
export type AgentKeyRow = typeof agentKeys.$inferSelect
export type EnrolmentRow = typeof enrolments.$inferSelect

export async function findAgent(db: Db, site: string, name: string): Promise<AgentRow | undefined> {
  const [row] = await db.select().from(agents).where(agentIs(site, name))
  return row
}

const selectAgents = prepared((db) =>
  db
    .select()
    .from(agents)
    .where(eq(agents.site, given(agents.site, 'site')))
    .orderBy(asc(agents.name))
    .prepare('agents'),
)

export async function listAgents(db: Db, site: string): Promise<AgentRow[]> {
  return await selectAgents(db).execute({ site })
}

const selectAgentKeys = prepared((db) =>
  db
    .select()
    .from(agentKeys)
    .where(eq(agentKeys.site, given(agentKeys.site, 'site')))
    .orderBy(asc(agentKeys.enrolledAt), asc(agentKeys.kid))
    .prepare('agent_keys'),
)

/** Present and replaced keys of a site's agents, oldest first. */
export async function listAgentKeys(db: Db, site: string): Promise<AgentKeyRow[]> {
  return await selectAgentKeys(db).execute({ site })
}

/** Enrols an agent, or gives it a new key: with it a new chain begins, so what was received counts anew. */
export async function enrolAgent(
  tx: Db,
  agent: {
    site: string
    name: string
    kid: string
    key: unknown
    enrolment: unknown
    enrolledAt: string
  },
): Promise<void> {
  const { site, name, kid, key, enrolment, enrolledAt } = agent
  await tx
    .insert(agentKeys)
    .values({ site, agent: name, kid, key, enrolledAt })
    .onConflictDoNothing()
  const fresh = {
    kid,
    enrolment,
    enrolledAt,
    start: 0,
    epoch: 0,
    received: 0,
    revision: 0,
    rolledBack: false,
  }
  await tx
    .insert(agents)
    .values({ site, name, ...fresh })
    .onConflictDoUpdate({
      target: [agents.site, agents.name],
      set: fresh,
      setWhere: sql`${agents.kid} <> excluded.kid`,
    })
}

/** What a hello told; nothing when the agent has got another key meanwhile. */
export async function noteConnected(
  db: Db,
  agent: Pick<AgentRow, 'site' | 'name' | 'kid' | 'start' | 'epoch' | 'revision' | 'rolledBack'> & {
    version: string
    connectedAt: string
  },
): Promise<void> {
  const { site, name, kid, connectedAt, ...told } = agent
  await db
    .update(agents)
    .set({ ...told, connectedAt, heardAt: connectedAt })
    .where(and(agentIs(site, name), eq(agents.kid, kid)))
}

/** Written when the link goes down, so that it is known later how old the last-known values are. */
export async function noteHeard(
  db: Db,
  site: string,
  name: string,
  heardAt: string,
): Promise<void> {
  await db.update(agents).set({ heardAt }).where(agentIs(site, name))
}

export async function noteProgress(
  tx: Db,
  agent: { site: string; name: string; received: number; revision: number; epoch: number },
): Promise<void> {
  const { site, name, received, revision, epoch } = agent
  await tx
    .update(agents)
    .set({
      received: sql`greatest(${agents.received}, ${received})`,
      revision: sql`greatest(${agents.revision}, ${revision})`,
      epoch: sql`greatest(${agents.epoch}, ${epoch})`,
    })
    .where(agentIs(site, name))
}

export async function createEnrolment(
  db: Db,
  enrolment: Omit<EnrolmentRow, 'usedAt' | 'usedBy'>,
): Promise<boolean> {
  const created = await db
    .insert(enrolments)
    .values(enrolment)
    .onConflictDoNothing()
    .returning({ hash: enrolments.hash })
  return created.length === 1
}

/**
 * Uses a token once. The same key may use it again until it expires, because the answer to the first use
 * may have been lost; `usedAt` stays that of the first. Undefined when the token is unknown, expired or used by
 * another key.
 */
export async function claimEnrolment(
  tx: Db,
  claim: { hash: string; usedBy: string; usedAt: string; nowMs: number },
): Promise<EnrolmentRow | undefined> {
  const [row] = await tx
    .update(enrolments)
    .set({
      usedBy: claim.usedBy,
      usedAt: sql`coalesce(${enrolments.usedAt}, ${claim.usedAt})`,
    })
    .where(
      and(
        eq(enrolments.hash, claim.hash),
        sql`${enrolments.expiresAtMs} > ${claim.nowMs}`,
        or(isNull(enrolments.usedBy), eq(enrolments.usedBy, claim.usedBy)),
      ),
    )
    .returning()
  return row
}

function agentIs(site: string, name: string) {
  return and(eq(agents.site, site), eq(agents.name, name))
}
