// The whole HTTP interface. The same app runs on Node and on Workers (spec architecture.md, decision 7).

import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { LINK_PATH } from '../protocol/link.ts'
import { authenticate, type Env } from './auth.ts'
import {
  ApiError,
  databaseUnavailable,
  describeError,
  isDatabaseAway,
  problemResponse,
} from './errors.ts'
import { logOperators } from './operator-log.ts'
import type { AppDeps, Deps } from './ports.ts'
import { agentRoutes, publicAgentRoutes } from './routes/agents.ts'
import { auditRoutes } from './routes/audit.ts'
import { eventRoutes } from './routes/events.ts'
import { exerciseRoutes } from './routes/exercises.ts'
import { healthRoutes, metricRoutes } from './routes/health.ts'
import { makeRouter } from './routes/open-api.ts'
import { operationRoutes } from './routes/operations.ts'
import { operatorLogRoutes } from './routes/operator-log.ts'
import { resetPathRoutes } from './routes/reset-paths.ts'
import { resetRoutes } from './routes/resets.ts'
import { siteRoutes } from './routes/sites.ts'
import { softResetTimeRoutes } from './routes/soft-reset-times.ts'
import { testRoutes } from './routes/tests.ts'
import { tokenRoutes } from './routes/tokens.ts'

export const BODY_MAX = 65_536
/** A site of 1,000 servers and 4,000 systems with sealed credentials. */
const SITE_BODY_MAX = 8_388_608

export function createApp(deps: AppDeps) {
  const app = makeRouter()
  app.onError((error, c) => answerError(deps, error, c))
  app.notFound((c) =>
    problemResponse(c, new ApiError('not-found', 'there is nothing at this path')),
  )
  app.use('*', async function leaveHeadUnread(c, next) {
    await next()
    // Nobody reads this body: a stream would wait for its reader for ever.
    if (c.req.method === 'HEAD') await c.res.body?.cancel()
  })
  app.use('/v1/*', logOperators(deps))
  limitBodies(app)

  app.get(LINK_PATH, async (c) => {
    if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') {
      throw new ApiError('upgrade-required', 'agents connect here by WebSocket', {
        headers: { upgrade: 'websocket' },
      })
    }
    return await deps.hubs.accept({ site: c.req.query('site') ?? '', context: c })
  })
  const open = app.route('/', healthRoutes(deps)).route('/', publicAgentRoutes(deps))
  describeApi(app, deps)
  app.get('/', (c) => c.html(FRONT_PAGE))

  app.use('/v1/*', authenticate(deps))
  app.use('/metrics', authenticate(deps))
  const routes = open
    .route('/', siteRoutes(deps))
    .route('/', resetPathRoutes(deps))
    .route('/', resetRoutes(deps))
    .route('/', operationRoutes(deps))
    .route('/', testRoutes(deps))
    .route('/', exerciseRoutes(deps))
    .route('/', softResetTimeRoutes(deps))
    .route('/', agentRoutes(deps))
    .route('/', tokenRoutes(deps))
    .route('/', auditRoutes(deps))
    .route('/', operatorLogRoutes(deps))
    .route('/', eventRoutes(deps))
    .route('/', metricRoutes(deps))
  refuseOtherMethods(app)
  return routes
}

/** For clients that want checked requests: `hc<ApiRoutes>`. */
export type ApiRoutes = ReturnType<typeof createApp>

type App = ReturnType<typeof makeRouter>

/** The server holds a body to its announced length, so that the announcement is all there is to check. */
function limitBodies(app: App): void {
  app.use('*', async function limitBody(c, next) {
    const maxBytes = c.req.method === 'PUT' ? SITE_BODY_MAX : BODY_MAX
    const announced = c.req.header('content-length')
    if (announced === undefined && c.req.header('transfer-encoding') !== undefined) {
      throw new ApiError('length-required', 'a body needs a Content-Length')
    }
    if (Number(announced ?? 0) > maxBytes) {
      throw new ApiError('payload-too-large', `a body may have ${maxBytes} bytes here`, {
        headers: { connection: 'close' },
      })
    }
    await next()
  })
}

/** After all routes: whatever matches a path but none of its methods. */
function refuseOtherMethods(app: App): void {
  const methods = new Map<string, Set<string>>()
  for (const { path, method } of app.routes) {
    if (method === 'ALL') continue
    methods.set(path, (methods.get(path) ?? new Set()).add(method))
  }
  for (const [path, allowed] of methods) {
    const allow = [...allowed].join(', ')
    app.all(path, () => {
      throw new ApiError('method-not-allowed', `allowed here: ${allow}`, { headers: { allow } })
    })
  }
}

async function answerError(deps: Deps, error: Error, c: Context<Env>): Promise<Response> {
  if (error instanceof ApiError) return problemResponse(c, error)
  if (error instanceof HTTPException) return problemResponse(c, fromHttpException(error))
  deps.log('error', 'request-failed', {
    method: c.req.method,
    path: c.req.routePath,
    ...describeError(error),
  })
  if (isDatabaseAway(error)) return problemResponse(c, databaseUnavailable(error))
  return problemResponse(c, new ApiError('internal', 'the control plane failed; see its log'))
}

/** Malformed JSON and wrong content types never reach the validation (spec stack.md §7). */
function fromHttpException(error: HTTPException): ApiError {
  switch (error.status) {
    case 400:
      return new ApiError('malformed-json', 'the body is not JSON', { cause: error })
    case 415:
      return new ApiError('unsupported-media-type', 'the body must be application/json', {
        cause: error,
      })
    case 413:
      return new ApiError('payload-too-large', 'the body is too large', { cause: error })
    default:
      return new ApiError('internal', 'the control plane failed; see its log', { cause: error })
  }
}

function describeApi(app: App, deps: Deps): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'A token such as `pal_…`, with scope read, operate or admin',
  })
  // Made once: anybody may ask for it, and it takes a while.
  let document: object | undefined
  app.get('/openapi.json', (c) => {
    document ??= app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: {
        title: 'Palisade',
        version: deps.version,
        description: 'Monitoring and remote reset for high-availability clusters',
      },
    })
    return c.json(document)
  })
}

const FRONT_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Palisade</title>
<h1>Palisade</h1>
<p>The control plane runs. Its interface is described in <a href="/openapi.json">/openapi.json</a>;
readiness is at <a href="/readyz">/readyz</a>.</p>
</html>
`
