// The audit, as proof or as the ancestor's reset log.
import { createRoute, z } from '@hono/zod-openapi'
import { isSite } from '../../db/sites.ts'
import { auditText, resetLogLines } from '../audit.ts'
import { requireSight, unknownSite } from '../auth.ts'
import { describeError, problems } from '../errors.ts'
import { instantBound } from '../instant-bound.ts'
import type { Deps } from '../ports.ts'
import { BEARER, COMMON, makeRouter } from './open-api.ts'

/** Typed loosely: the library takes every media type that ends in `json` for JSON. */
const EXPORTS: Record<string, { schema: z.ZodString }> = {
  'application/x-ndjson': { schema: z.string() },
  'text/plain': { schema: z.string() },
}

const getAudit = createRoute({
  method: 'get',
  path: '/v1/audit',
  summary: 'Keys, records and signed heads as NDJSON, or the reset log as text',
  description:
    'Without server, from and to the export is complete and `audit verify` can call it whole; a part of it has gaps.',
  security: BEARER,
  request: {
    query: z.object({
      site: z.string().min(1).max(60),
      server: z.string().max(60).optional(),
      agent: z.string().max(60).optional(),
      from: instantBound.optional(),
      to: instantBound.optional(),
      after: z.coerce.number().int().min(0).default(0).openapi({
        description: 'Only records with a higher sequence',
      }),
      format: z.enum(['ndjson', 'resetlog']).default('ndjson'),
      tz: z.string().max(60).default('UTC'),
    }),
  },
  responses: {
    200: {
      description: 'The export',
      content: EXPORTS,
    },
    ...problems(...COMMON, 'unknown-site', 'range-too-large'),
  },
})

export function auditRoutes(deps: Deps) {
  return makeRouter().openapi(getAudit, async (c) => {
    const { format, tz, ...asked } = c.req.valid('query')
    requireSight(c.var.caller, asked.site)
    if (format === 'resetlog') {
      if (!(await isSite(deps.db, asked.site))) throw unknownSite(asked.site)
      const lines = await resetLogLines(deps.db, asked, tz)
      return c.body(lines.map((line) => `${line}\n`).join(''), 200, TEXT)
    }
    const pieces = auditText(deps.db, asked)
    // What fails before the second piece can still be answered as a problem.
    const [known, first] = await Promise.all([isSite(deps.db, asked.site), pieces.next()])
    if (!known) throw unknownSite(asked.site)
    const second = await pieces.next()
    if (second.done) return c.body(first.value ?? '', 200, NDJSON)
    return c.body(streamOf([first.value, second.value], pieces, deps), 200, NDJSON)
  })
}

/** What fails on the way breaks the answer off: an export that ended early would look like a whole one. */
function streamOf(
  begun: readonly string[],
  pieces: AsyncGenerator<string>,
  { log }: Deps,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    start(out) {
      for (const piece of begun) out.enqueue(encoder.encode(piece))
    },
    async pull(out) {
      try {
        const { done, value } = await pieces.next()
        if (done) out.close()
        else out.enqueue(encoder.encode(value))
      } catch (error) {
        log('error', 'export-failed', describeError(error))
        // Without the cause: the server prints what it is given, and a failed query repeats its parameters.
        out.error(new Error('the export failed'))
      }
    },
    async cancel() {
      await pieces.return(undefined)
    },
  })
}

const NDJSON = { 'content-type': 'application/x-ndjson' }

const TEXT = { 'content-type': 'text/plain; charset=utf-8' }
