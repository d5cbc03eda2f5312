// The exercise of a site: every used outlet once, one machine at a time (spec domain.md §9).
import { createRoute, z } from '@hono/zod-openapi'
import { OFF_TIME_S, WAIT_TIME_S } from '../../core/drill/preconditions.ts'
import { requireSight } from '../auth.ts'
import { ApiError, problems } from '../errors.ts'
import { advanceExercise, findExercise } from '../exercises.ts'
import { idempotencyHeader, readIdempotencyKey } from '../idempotency.ts'
import type { Deps } from '../ports.ts'
import { exerciseSchema } from '../views.ts'
import { waitFor } from '../wait.ts'
import { BEARER, COMMON, json, makeRouter, siteParam } from './open-api.ts'
import { ASKING, waitQuery } from './operations.ts'

const askSchema = z
  .strictObject({
    offTimeS: z
      .number()
      .int()
      .min(OFF_TIME_S.min)
      .max(OFF_TIME_S.max)
      .default(OFF_TIME_S.usual)
      .openapi({
        description: 'Of servers; feeds of management servers stay off for at least 30 s',
      }),
    waitTimeS: z
      .number()
      .int()
      .min(WAIT_TIME_S.min)
      .max(WAIT_TIME_S.max)
      .default(WAIT_TIME_S.usual),
    trustUnregistered: z.boolean().default(false).openapi({
      description: 'A system that is not registered counts as healthy while its server is read on',
    }),
  })
  .openapi('ExerciseAsk')

const postExercise = createRoute({
  method: 'post',
  path: '/v1/sites/{site}/exercises',
  summary: 'Start an exercise, or the next test of the one that has this key',
  description:
    'Each request starts at most one test, the next one once the last has ended: ask again with the same ' +
    'key until the status is neither planned nor running. Nothing is cut while nobody asks.',
  security: BEARER,
  request: {
    params: siteParam,
    headers: idempotencyHeader,
    query: z.object({ dryRun: z.enum(['true', 'false']).default('false') }),
    body: { content: { 'application/json': { schema: askSchema } }, required: true },
  },
  responses: {
    200: json(exerciseSchema, 'How it stands'),
    ...problems(
      ...ASKING,
      'unknown-management-server',
      'malformed-json',
      'no-agent-connected',
      'too-few-feeds',
      'own-management-server',
      'operation-in-progress',
      'test-in-progress',
    ),
  },
})

const getExercise = createRoute({
  method: 'get',
  path: '/v1/sites/{site}/exercises/{id}',
  summary: 'One exercise that has begun; with `wait` once no test of it is under way',
  security: BEARER,
  request: { params: siteParam.extend({ id: z.string().max(60) }), query: waitQuery },
  responses: {
    200: json(exerciseSchema, 'How it stands'),
    ...problems(...COMMON, 'unknown-site', 'site-not-configured', 'unknown-exercise'),
  },
})

export function exerciseRoutes(deps: Deps) {
  return makeRouter()
    .openapi(postExercise, async (c) => {
      const { site } = c.req.valid('param')
      requireSight(c.var.caller, site)
      const key = readIdempotencyKey(c.req.valid('header')['idempotency-key'])
      const dryRun = c.req.valid('query').dryRun === 'true'
      const asked = { site, ask: c.req.valid('json'), key, caller: c.var.caller, dryRun }
      return c.json(await advanceExercise(deps, asked), 200)
    })
    .openapi(getExercise, async (c) => {
      const { site, id } = c.req.valid('param')
      requireSight(c.var.caller, site)
      const look = async () => {
        const found = await findExercise(deps, site, id)
        if (found) return found
        throw new ApiError('unknown-exercise', 'no exercise of this id has begun')
      }
      const { running, answer } = await look()
      if (running === undefined) return c.json(answer, 200)
      const seen = await waitFor(deps, `order:${running}`, {
        look,
        isDecided: (now) => now.running !== running,
        waitMs: c.req.valid('query').wait * 1000,
        aborted: c.req.raw.signal,
      })
      return c.json(seen.answer, 200)
    })
}
