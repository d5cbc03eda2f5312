// The operator log as the API hands it out, page by page.
import { z } from 'zod'
import type { Client, Query } from './client.ts'

const PAGE = 200

const entrySchema = z.looseObject({
  id: z.number(),
  at: z.string(),
  method: z.string(),
  route: z.string().nullish(),
  dryRun: z.boolean().optional(),
  site: z.string().nullish(),
  subject: z.string().nullish(),
  token: z.looseObject({ id: z.string(), name: z.string() }).nullish(),
  status: z.number(),
  code: z.string().nullish(),
  made: z.string().nullish(),
  remoteAddress: z.string().nullish(),
  keyHash: z.string().nullish(),
  userAgent: z.string().nullish(),
})
export type OperatorEntry = z.infer<typeof entrySchema>

const pageSchema = z.looseObject({
  items: z.array(entrySchema),
  nextCursor: z.string().nullish(),
})

/** Oldest first, `most` of them; of more than that the oldest are left out. */
export async function readOperatorLog(
  client: Client,
  filter: Query,
  most: number,
): Promise<{ items: OperatorEntry[]; leftOut: number }> {
  let items: OperatorEntry[] = []
  let leftOut = 0
  let cursor: string | undefined
  do {
    const query = { ...filter, limit: PAGE, cursor }
    const page = await client.get('/v1/operator-log', pageSchema, { query })
    items.push(...page.items)
    const tooMany = Math.max(0, items.length - most)
    leftOut += tooMany
    items = items.slice(tooMany)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return { items, leftOut }
}
