// Sites: their documents, their state, and the key that credentials are sealed to.
import { createRoute, z } from '@hono/zod-openapi'
import type { SiteDocument } from '../../core/site.ts'
import { listAgents } from '../../db/agents.ts'
import { listLastKnown } from '../../db/observations.ts'
import { findSite, listSites, type SiteRow } from '../../db/sites.ts'
import { publicSealingJwkSchema } from '../../protocol/keys.ts'
import { applySite } from '../apply.ts'
import { requireAdmin, requireSight, unknownSite } from '../auth.ts'
import { ApiError, problems } from '../errors.ts'
import { cutPage, pageOf, pageQuery, readCursor } from '../paging.ts'
import type { Deps } from '../ports.ts'
import {
  applyReportSchema,
  siteDocumentSchema,
  siteItemSchema,
  statusSchema,
} from '../site-views.ts'
import { siteStatus } from '../status.ts'
import { BEARER, COMMON, json, makeRouter, siteParam } from './open-api.ts'

const getSites = createRoute({
  method: 'get',
  path: '/v1/sites',
  summary: 'Sites by name',
  security: BEARER,
  request: { query: z.object(pageQuery) },
  responses: { 200: json(pageOf(siteItemSchema), 'One page'), ...problems(...COMMON) },
})

const getSite = createRoute({
  method: 'get',
  path: '/v1/sites/{site}',
  summary: 'The site document; credentials as sealed references',
  security: BEARER,
  request: { params: siteParam },
  responses: {
    200: json(siteDocumentSchema, 'The document with its revision'),
    ...problems(...COMMON, 'unknown-site'),
  },
})

const putSite = createRoute({
  method: 'put',
  path: '/v1/sites/{site}',
  summary: 'Apply a site document',
  description: 'A field left out keeps its value, a secret left out keeps the sealed one.',
  security: BEARER,
  request: {
    params: siteParam,
    query: z.object({ dryRun: z.enum(['true', 'false']).default('false') }),
    body: {
      required: true,
      content: { 'application/json': { schema: z.looseObject({}).openapi('SiteFile') } },
    },
  },
  responses: {
    200: json(applyReportSchema, 'What was changed, and what was not and why'),
    ...problems(
      ...COMMON,
      'invalid-site',
      'malformed-json',
      'payload-too-large',
      'unsupported-media-type',
    ),
  },
})

const getStatus = createRoute({
  method: 'get',
  path: '/v1/sites/{site}/status',
  summary: 'The state of everything in the site',
  security: BEARER,
  request: { params: siteParam },
  responses: {
    200: json(statusSchema, 'Last-known values with their age'),
    ...problems(...COMMON, 'unknown-site'),
  },
})

const getSealKey = createRoute({
  method: 'get',
  path: '/v1/sites/{site}/seal-key',
  summary: 'The key that clients seal credentials to',
  security: BEARER,
  request: { params: siteParam },
  responses: {
    200: json(publicSealingJwkSchema, 'Public X25519 JWK'),
    ...problems(...COMMON, 'unknown-site', 'no-seal-key'),
  },
})

export function siteRoutes(deps: Deps) {
  const mustFind = async (name: string): Promise<SiteRow> => {
    const row = await findSite(deps.db, name)
    if (!row) throw unknownSite(name)
    return row
  }
  return makeRouter()
    .openapi(getSites, async (c) => {
      const { limit, cursor } = c.req.valid('query')
      const only = c.var.caller.site === undefined ? undefined : [c.var.caller.site]
      const [after] = readCursor(cursor, 1) ?? []
      const rows = await listSites(deps.db, { limit: limit + 1, cursor: after, only })
      return c.json(
        cutPage(
          rows,
          limit,
          (row) => row,
          ({ name }) => [name],
        ),
        200,
      )
    })
    .openapi(getSite, async (c) => {
      const { site } = c.req.valid('param')
      requireSight(c.var.caller, site)
      const { revision, document } = await mustFind(site)
      if (document === null) throw unknownSite(site)
      return c.json(siteDocumentSchema.parse({ ...(document as object), revision }), 200)
    })
    .openapi(putSite, async (c) => {
      const { site: name } = c.req.valid('param')
      requireSight(c.var.caller, name)
      requireAdmin(c.var.caller)
      const dryRun = c.req.valid('query').dryRun === 'true'
      const raw = c.req.valid('json')
      return c.json(await applySite(deps, { name, raw, dryRun, appliedBy: c.var.caller.name }), 200)
    })
    .openapi(getStatus, async (c) => {
      const { site: name } = c.req.valid('param')
      requireSight(c.var.caller, name)
      const [{ revision, document }, agents, observations, presence] = await Promise.all([
        mustFind(name),
        listAgents(deps.db, name),
        listLastKnown(deps.db, name),
        deps.hubs.presence(name),
      ])
      const site = document === null ? undefined : (document as SiteDocument)
      return c.json(siteStatus({ name, revision, site, agents, presence, observations }), 200)
    })
    .openapi(getSealKey, async (c) => {
      const { site } = c.req.valid('param')
      requireSight(c.var.caller, site)
      const { sealKey } = await mustFind(site)
      if (sealKey === null) {
        throw new ApiError('no-seal-key', 'no agent has enrolled at this site yet')
      }
      return c.json(publicSealingJwkSchema.parse(sealKey), 200)
    })
}
