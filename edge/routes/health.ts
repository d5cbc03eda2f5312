// What load balancers, supervisors and Prometheus ask.
import { createRoute, z } from '@hono/zod-openapi'
import type { SiteDocument } from '../../core/site.ts'
import { checkDatabase } from '../../db/control-plane-keys.ts'
import { countResetsByResult } from '../../db/resets.ts'
import { findSite, listSites } from '../../db/sites.ts'
import { maySee } from '../auth.ts'
import { ApiError, describeError, problems } from '../errors.ts'
import type { Deps, Presence } from '../ports.ts'
import type { ResetPath } from '../reset-paths.ts'
import { BEARER, COMMON, json, makeRouter } from './open-api.ts'
import { findResetPaths } from './reset-paths.ts'

const health = z.object({ status: z.literal('ok'), version: z.string() })

const getHealth = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'The process runs',
  responses: { 200: json(health, 'It does') },
})

const getReadiness = createRoute({
  method: 'get',
  path: '/readyz',
  summary: 'The process can serve: its database answers',
  responses: { 200: json(health, 'It can'), ...problems('not-ready') },
})

const getMetrics = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'Prometheus metrics',
  security: BEARER,
  responses: {
    200: { description: 'Text format', content: { 'text/plain': { schema: z.string() } } },
    ...problems(...COMMON),
  },
})

export function healthRoutes(deps: Deps) {
  const ok = { status: 'ok', version: deps.version } as const
  return makeRouter()
    .openapi(getHealth, (c) => c.json(ok, 200))
    .openapi(getReadiness, async (c) => {
      try {
        await checkDatabase(deps.db)
      } catch (cause) {
        deps.log('error', 'database-unreachable', describeError(cause))
        throw new ApiError('not-ready', 'the database does not answer', { cause })
      }
      return c.json(ok, 200)
    })
}

const SITES_MAX = 1000

export function metricRoutes(deps: Deps) {
  return makeRouter().openapi(getMetrics, async (c) => {
    const { caller } = c.var
    const resets = (await countResetsByResult(deps.db)).filter(({ site }) => maySee(caller, site))
    const sites = (await listSites(deps.db, { limit: SITES_MAX })).filter(({ name }) =>
      maySee(caller, name),
    )
    const lines = [
      '# HELP palisade_resets Resets known, by status and result.',
      '# TYPE palisade_resets gauge',
      ...resets.map(
        ({ site, status, result, resets: count }) =>
          `palisade_resets{site="${label(site)}",status="${label(status)}",result="${label(result ?? '')}"} ${count}`,
      ),
      '# HELP palisade_agents_connected Agents with a live link.',
      '# TYPE palisade_agents_connected gauge',
    ]
    const ok = [
      '# HELP palisade_reset_path_ok Whether the server could be reset now (1) or not (0).',
      '# TYPE palisade_reset_path_ok gauge',
    ]
    const redundant = [
      '# HELP palisade_reset_path_redundant Whether another agent could take over a reset (1) or not (0).',
      '# TYPE palisade_reset_path_redundant gauge',
    ]
    for (const { name } of sites) {
      const presence = await deps.hubs.presence(name)
      lines.push(`palisade_agents_connected{site="${label(name)}"} ${presence.length}`)
      for (const path of await pathsOf(deps, name, presence)) {
        const labels = `{site="${label(name)}",server="${label(path.server)}"}`
        ok.push(`palisade_reset_path_ok${labels} ${path.resettable ? 1 : 0}`)
        redundant.push(`palisade_reset_path_redundant${labels} ${path.redundant ? 1 : 0}`)
      }
    }
    // The lines of one metric stand together, as the format asks.
    lines.push(...ok, ...redundant)
    return c.text(`${lines.join('\n')}\n`, 200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    })
  })
}

/** None for a site without a document. */
async function pathsOf(deps: Deps, name: string, presence: Presence[]): Promise<ResetPath[]> {
  const row = await findSite(deps.db, name)
  if (!row?.document) return []
  return await findResetPaths(deps.db, row.document as SiteDocument, presence)
}

function label(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
