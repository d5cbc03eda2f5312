// Cursor paging: `?limit&cursor` in, `{ items, nextCursor }` out. A cursor is opaque to callers.
import { z } from '@hono/zod-openapi'
import { decodeBase64Url } from 'hono/utils/encode'
import { toBase64Url } from './base64url.ts'
import { ApiError } from './errors.ts'

export const PAGE_DEFAULT = 50
export const PAGE_MAX = 200

export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
  cursor: z.string().max(500).optional(),
}

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() })
}

/** Ask for `limit + 1` rows: the extra one tells that there is a next page. */
export function cutPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  show: (row: Row) => Item,
  cursor: (row: Row) => readonly string[],
): { items: Item[]; nextCursor: string | null } {
  const kept = rows.slice(0, limit)
  const last = kept.at(-1)
  return {
    items: kept.map(show),
    nextCursor: rows.length > limit && last !== undefined ? writeCursor(cursor(last)) : null,
  }
}

function writeCursor(parts: readonly string[]): string {
  return toBase64Url(new TextEncoder().encode(JSON.stringify(parts)))
}

/** The parts that `cutPage` wrote. */
export function readCursor(cursor: string | undefined, parts: number): string[] | undefined {
  if (cursor === undefined) return undefined
  const parsed = z.array(z.string()).length(parts).safeParse(parseJson(cursor))
  if (!parsed.success) {
    throw new ApiError('invalid-request', 'cursor is not one that this list handed out', {
      errors: [{ pointer: '/cursor', detail: 'take nextCursor of the page before' }],
    })
  }
  return parsed.data
}

function parseJson(cursor: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(decodeBase64Url(cursor)))
  } catch {
    return undefined
  }
}
