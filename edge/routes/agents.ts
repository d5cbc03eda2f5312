// Agents: who they are, and how they join.
import { createRoute, z } from '@hono/zod-openapi'
import { listAgents } from '../../db/agents.ts'
import { listControlPlaneKeys } from '../../db/control-plane-keys.ts'
import { isSite } from '../../db/sites.ts'
import {
  agentNameSchema,
  enrolmentRequestSchema,
  enrolmentResponseSchema,
} from '../../protocol/enrolment.ts'
import { publicSigningJwkSchema } from '../../protocol/keys.ts'
import { requireAdmin, requireSight, unknownSite } from '../auth.ts'
import { enrol, offerEnrolment } from '../enrolment.ts'
import { problems } from '../errors.ts'
import { idempotencyHeader } from '../idempotency.ts'
import type { Deps } from '../ports.ts'
import { agentSchema } from '../site-views.ts'
import { showAgent } from '../status.ts'
import { BEARER, COMMON, json, makeRouter, siteParam } from './open-api.ts'

const getAgents = createRoute({
  method: 'get',
  path: '/v1/sites/{site}/agents',
  summary: 'The agents of a site',
  security: BEARER,
  request: { params: siteParam },
  responses: {
    200: json(z.object({ items: z.array(agentSchema), nextCursor: z.null() }), 'All of them'),
    ...problems(...COMMON, 'unknown-site'),
  },
})

const siteName = z.object({
  site: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/, 'must be 1 to 31 of A-Z a-z 0-9 - _ .')
    .openapi({ param: { name: 'site', in: 'path' } }),
})

const postEnrolment = createRoute({
  method: 'post',
  path: '/v1/sites/{site}/enrolments',
  summary: 'Make a one-time token for one agent, good for an hour',
  security: BEARER,
  request: {
    params: siteName,
    headers: idempotencyHeader,
    body: {
      required: true,
      content: { 'application/json': { schema: z.strictObject({ name: agentNameSchema }) } },
    },
  },
  responses: {
    201: json(
      z.object({ token: z.string(), agent: z.string(), expiresAt: z.string() }),
      'The token; shown this once',
    ),
    ...problems(...COMMON, 'malformed-json', 'payload-too-large', 'unsupported-media-type'),
  },
})

const postEnrol = createRoute({
  method: 'post',
  path: '/v1/agents/enroll',
  summary: 'Enrol an agent by its one-time token',
  request: {
    body: { required: true, content: { 'application/json': { schema: enrolmentRequestSchema } } },
  },
  responses: {
    200: json(enrolmentResponseSchema, 'Enrolled'),
    ...problems(
      'invalid-request',
      'malformed-json',
      'enrolment-refused',
      'payload-too-large',
      'unsupported-media-type',
      'internal',
    ),
  },
})

const getKeys = createRoute({
  method: 'get',
  path: '/v1/keys',
  summary: 'The public keys that sign orders, the retired ones included',
  responses: {
    200: json(
      z.object({ keys: z.array(publicSigningJwkSchema.extend({ kid: z.string() })) }),
      'JWK set',
    ),
    ...problems('internal'),
  },
})

/** Routes for which no bearer token is asked. */
export function publicAgentRoutes(deps: Deps) {
  return makeRouter()
    .openapi(postEnrol, async (c) => c.json(await enrol(deps, c.req.valid('json')), 200))
    .openapi(getKeys, async (c) => {
      const rows = await listControlPlaneKeys(deps.db)
      const keys = rows.map(({ kid, key }) => ({ ...publicSigningJwkSchema.parse(key), kid }))
      return c.json({ keys }, 200)
    })
}

export function agentRoutes(deps: Deps) {
  return makeRouter()
    .openapi(getAgents, async (c) => {
      const { site } = c.req.valid('param')
      requireSight(c.var.caller, site)
      if (!(await isSite(deps.db, site))) throw unknownSite(site)
      const agents = await listAgents(deps.db, site)
      const presence = await deps.hubs.presence(site)
      const items = agents.map((agent) => showAgent(agent, presence, agents.length === 1))
      return c.json({ items, nextCursor: null }, 200)
    })
    .openapi(postEnrolment, async (c) => {
      const { site } = c.req.valid('param')
      requireSight(c.var.caller, site)
      requireAdmin(c.var.caller)
      const { name: agent } = c.req.valid('json')
      const offer = { site, agent, createdBy: c.var.caller.name }
      return c.json(await offerEnrolment(deps, offer), 201)
    })
}
