// Could each system be reset now (spec domain.md §6)?
import { createRoute, z } from '@hono/zod-openapi'
import type { SiteDocument } from '../../core/site.ts'
import { listAgents } from '../../db/agents.ts'
import type { Db } from '../../db/client.ts'
import { listLastKnown } from '../../db/observations.ts'
import { listLooseServers } from '../../db/resets.ts'
import { requireSight } from '../auth.ts'
import { findConfigured } from '../configured.ts'
import { problems } from '../errors.ts'
import type { Deps, Presence } from '../ports.ts'
import { type ResetPath, resetPaths } from '../reset-paths.ts'
import { BEARER, COMMON, json, makeRouter, siteParam } from './open-api.ts'

const problem = z.object({
  code: z.string(),
  subject: z.string().openapi({ description: 'What to look at' }),
  detail: z.string(),
})

const resetPathsSchema = z
  .object({
    site: z.string(),
    items: z.array(
      z.object({
        server: z.string(),
        systems: z.array(
          z.object({ cluster: z.string(), number: z.number().int(), name: z.string() }),
        ),
        resettable: z.boolean(),
        redundant: z.boolean(),
        rungs: z.array(
          z.object({
            rung: z.enum(['soft', 'hard', 'off', 'pdu']),
            ready: z.boolean(),
            byMs: z
              .number()
              .int()
              .openapi({ description: 'When it is over at the latest, from the request' }),
          }),
        ),
        worstMs: z
          .number()
          .int()
          .nullable()
          .openapi({ description: 'Until the last ready rung is over; null when none is ready' }),
        problems: z.array(problem),
        warnings: z.array(problem),
      }),
    ),
  })
  .openapi('ResetPaths')

const getResetPaths = createRoute({
  method: 'get',
  path: '/v1/sites/{site}/reset-paths',
  summary: 'Whether each server could be reset now, by which rungs, and why not',
  security: BEARER,
  request: { params: siteParam },
  responses: {
    200: json(resetPathsSchema, 'In the order of the site document'),
    ...problems(...COMMON, 'unknown-site', 'site-not-configured'),
  },
})

export function resetPathRoutes(deps: Deps) {
  return makeRouter().openapi(getResetPaths, async (c) => {
    const { site } = c.req.valid('param')
    requireSight(c.var.caller, site)
    const { site: document } = await findConfigured(deps.db, site)
    const presence = await deps.hubs.presence(site)
    const items = await findResetPaths(deps.db, document, presence)
    return c.json({ site, items }, 200)
  })
}

/** The reset paths of a site as they are at this moment. */
export async function findResetPaths(
  db: Db,
  site: SiteDocument,
  presence: readonly Presence[],
): Promise<ResetPath[]> {
  const { name } = site.metadata
  const [agents, observations, loose] = await Promise.all([
    listAgents(db, name),
    listLastKnown(db, name),
    listLooseServers(db, name),
  ])
  return resetPaths({ site, agents, observations, loose, presence })
}
