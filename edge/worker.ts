// Entry of the control plane on Cloudflare Workers. The Worker itself has neither state nor database: it finds the
// object that answers (spec architecture.md, decision 7).

import { workersRandom } from '../runtime/workers.ts'
import { ApiError, bareProblemResponse, describeError } from './errors.ts'
import { Desk } from './worker/desk.ts'
import { workersLog } from './worker/log.ts'
import { isReadable, type Place, placeOf, placeOfBody, refuse } from './worker/router.ts'
import type { Bindings } from './worker/settings.ts'
import { SiteHub } from './worker/site-hub.ts'
import { deskStub, siteStub } from './worker/stubs.ts'

/** As in `wrangler.toml`; the other one is for the sweep. */
const TIDY_CRON = '17 * * * *'
/** A reset never moves to another site. */
const RESETS_KEPT = 1000
const siteOfReset = new Map<string, string>()

const worker: ExportedHandler<Bindings> = {
  async fetch(request, env) {
    const url = new URL(request.url)
    const refusal = refuse(request, url)
    if (refusal) return refusal
    const place = placeOf(request.method, url)
    if (place.at !== 'body') return await ask(env, await settled(env, place), request)
    if (!isReadable(request)) return await ask(env, { at: 'desk' }, request)
    const body = await request.arrayBuffer()
    return await ask(env, placeOfBody(body), new Request(request, { body }))
  },

  async scheduled({ cron }, env) {
    const desk = deskStub(env, workersRandom)
    if (cron === TIDY_CRON) await desk.tidyUp()
    else await desk.sweep()
  },
}

/** A reset is answered where its site is, so that whoever waits for it is woken by its report. */
async function settled(env: Bindings, place: Place): Promise<Place> {
  if (place.at !== 'reset') return place
  try {
    const { id } = place
    const site = siteOfReset.get(id) ?? (await deskStub(env, workersRandom).siteOfReset(id))
    if (site === undefined) return { at: 'desk' }
    if (siteOfReset.size >= RESETS_KEPT) siteOfReset.clear()
    siteOfReset.set(id, site)
    return { at: 'site', site }
  } catch (error) {
    workersLog('error', 'reset-not-found', describeError(error))
    return { at: 'desk' }
  }
}

async function ask(env: Bindings, place: Place, request: Request): Promise<Response> {
  const stub = () =>
    place.at === 'site' ? siteStub(env, place.site) : deskStub(env, workersRandom)
  try {
    return await stub().fetch(request)
  } catch (error) {
    if (request.body === null && isReplaced(error)) return await again(stub(), request)
    return unavailable(error)
  }
}

/** An object that was replaced, by a deployment mostly, answers the next request. */
async function again(
  stub: DurableObjectStub<Desk> | DurableObjectStub<SiteHub>,
  request: Request,
): Promise<Response> {
  try {
    return await stub.fetch(request)
  } catch (error) {
    return unavailable(error)
  }
}

function isReplaced(error: unknown): boolean {
  return error instanceof Error && 'retryable' in error && error.retryable === true
}

function unavailable(error: unknown): Response {
  workersLog('error', 'object-failed', describeError(error))
  const detail = 'the hub did not answer; ask again, with the same Idempotency-Key if there was one'
  return bareProblemResponse(
    new ApiError('hub-unavailable', detail, { headers: { 'retry-after': '1' } }),
  )
}

// The platform finds the Worker and the classes of its objects by these names.
export { Desk, SiteHub, worker as default }
