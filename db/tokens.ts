// Bearer tokens, known only by their hash.
import { and, asc, eq, gt, isNull, or, type Placeholder, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { given, prepared } from './prepared.ts'
import { tokens } from './schema.ts'

export type TokenRow = typeof tokens.$inferSelect

const selectLiveToken = prepared((db) =>
  db
    .select()
    .from(tokens)
    .where(and(eq(tokens.hash, given(tokens.hash, 'hash')), isLive(sql.placeholder('nowMs'))))
    .prepare('live_token'),
)

/** The token of this hash, unless it was revoked or has expired. */
export async function findLiveToken(
  db: Db,
  hash: string,
  nowMs: number,
): Promise<TokenRow | undefined> {
  const [row] = await selectLiveToken(db).execute({ hash, nowMs })
  return row
}

/** For what goes on after the token was looked up. */
export async function isTokenLive(db: Db, id: string, nowMs: number): Promise<boolean> {
  const rows = await db
    .select({ id: tokens.id })
    .from(tokens)
    .where(and(eq(tokens.id, id), isLive(nowMs)))
  return rows.length === 1
}

function isLive(nowMs: number | Placeholder) {
  const isUnexpired = or(isNull(tokens.expiresAtMs), gt(tokens.expiresAtMs, nowMs))
  return and(isNull(tokens.revokedAt), isUnexpired)
}

/** False when a token of this id or hash exists already. */
export async function createToken(db: Db, token: Omit<TokenRow, 'revokedAt'>): Promise<boolean> {
  const created = await db
    .insert(tokens)
    .values(token)
    .onConflictDoNothing()
    .returning({ id: tokens.id })
  return created.length === 1
}

export async function listTokens(
  db: Db,
  page: { limit: number; cursor?: string | undefined },
): Promise<TokenRow[]> {
  return await db
    .select()
    .from(tokens)
    .where(page.cursor === undefined ? undefined : gt(tokens.id, page.cursor))
    .orderBy(asc(tokens.id))
    .limit(page.limit)
}

/** False when there is no such token; revoking twice keeps the first instant. */
export async function revokeToken(db: Db, id: string, revokedAt: string): Promise<boolean> {
  const revoked = await db
    .update(tokens)
    .set({ revokedAt })
    .where(and(eq(tokens.id, id), isNull(tokens.revokedAt)))
    .returning({ id: tokens.id })
  if (revoked.length === 1) return true
  const [row] = await db.select({ id: tokens.id }).from(tokens).where(eq(tokens.id, id))
  return row !== undefined
}
