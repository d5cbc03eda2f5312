// Restores and tests: asked for here, then moved on by what the agents' records say.
import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { operations } from './schema.ts'

export type OperationRow = typeof operations.$inferSelect

export async function findOperation(db: Db, id: string): Promise<OperationRow | undefined> {
  const [row] = await db.select().from(operations).where(eq(operations.id, id))
  return row
}

/** False when the id is known: then nothing was written. */
export async function openOperation(
  tx: Db,
  operation: Pick<
    OperationRow,
    'id' | 'site' | 'server' | 'bodyHash' | 'status' | 'view' | 'requestedAt'
  >,
): Promise<boolean> {
  const opened = await tx
    .insert(operations)
    .values({ ...operation, origin: 'control-plane' })
    .onConflictDoNothing()
    .returning({ id: operations.id })
  return opened.length === 1
}

export async function listOpenOperations(db: Db, site: string): Promise<OperationRow[]> {
  return await db
    .select()
    .from(operations)
    .where(and(eq(operations.site, site), isNull(operations.endedAt)))
    .orderBy(asc(operations.requestedAt))
}

/** Those of these ids that there are, oldest first. */
export async function findOperations(db: Db, ids: readonly string[]): Promise<OperationRow[]> {
  if (ids.length === 0) return []
  return await db
    .select()
    .from(operations)
    .where(inArray(operations.id, [...ids]))
    .orderBy(asc(operations.requestedAt), asc(operations.id))
}

export type FoldedOperation = Omit<OperationRow, 'origin' | 'bodyHash' | 'endKnownAtMs'>

export async function storeFoldedOperation(
  tx: Db,
  operation: FoldedOperation,
  nowMs: number,
): Promise<void> {
  const { id, site, ...folded } = operation
  await tx
    .insert(operations)
    .values({
      ...operation,
      origin: 'agent',
      endKnownAtMs: operation.endedAt === null ? null : nowMs,
    })
    .onConflictDoUpdate({
      target: operations.id,
      set: {
        ...folded,
        endKnownAtMs: sql`case when excluded.ended_at is null then null
          else coalesce(${operations.endKnownAtMs}, excluded.end_known_at_ms) end`,
      },
      setWhere: eq(operations.site, site),
    })
}

/** False when a record moved the operation on since `from` was read. */
export async function closeUnheardOperation(
  tx: Db,
  operation: {
    id: string
    from: string
    status: 'failed' | 'unknown'
    view: unknown
    endedAt: string | null
    endKnownAtMs: number | null
  },
): Promise<boolean> {
  const { id, from, ...closed } = operation
  const moved = await tx
    .update(operations)
    .set(closed)
    .where(and(eq(operations.id, id), eq(operations.status, from), isNull(operations.endedAt)))
    .returning({ id: operations.id })
  return moved.length === 1
}
