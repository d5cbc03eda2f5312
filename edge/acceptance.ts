// The control plane's word on a reset: it refuses early what it can, and signs an order for the rest. The
// active agent's arbiter has the last word (spec architecture.md, decision 1).
import { type ArbiterView, arbitrate, STOPPED_WITHOUT_REGISTRATION_MS } from '../core/arbiter.ts'
import type { Plan, ResetMode, SystemAddress } from '../core/plan.ts'
import { planReset, type ResolvedTarget, resolveRequester, resolveTarget } from '../core/planner.ts'
import { type SiteDocument, systemsOf } from '../core/site.ts'
import type { Db } from '../db/client.ts'
import { appendEvents } from '../db/events.ts'
import { storeOrder } from '../db/orders.ts'
import {
  findReset,
  listCompletedSince,
  listLooseServers,
  listOpenResets,
  openReset,
  type ResetRow,
} from '../db/resets.ts'
import { lockSite } from '../db/sites.ts'
import type { ResetOrder } from '../protocol/order.ts'
import { signOrder } from '../protocol/order-token.ts'
import { resetId } from '../protocol/reset-id.ts'
import { foldReset, type ResetView } from '../protocol/reset-view.ts'
import { PROTOCOL_VERSION } from '../protocol/version.ts'
import { type Caller, requireOperate, requireSight, unknownSite } from './auth.ts'
import { ApiError } from './errors.ts'
import { hashBody, judgeReplay } from './idempotency.ts'
import type { Deps } from './ports.ts'
import { resetOf } from './views.ts'

/** How long an order may wait for an agent. */
export const ORDER_LIFE_MS = 60_000
/** What a ladder may take beyond the timers of its plan before it counts as overdue. */
const OVERDUE_MARGIN_MS = 60_000

export interface ResetAsk {
  site: string
  target: { system: number; cluster?: string | undefined } | { server: string }
  requester?: { system: number; cluster?: string | undefined } | undefined
  mode: ResetMode
  reason: string
}

/** Accepts a reset, or answers with the one that the same key asked for before. Throws ApiError. */
export async function acceptReset(
  deps: Deps,
  ask: ResetAsk,
  key: string,
  caller: Caller,
): Promise<ResetView> {
  requireSight(caller, ask.site)
  const connected = (await deps.hubs.presence(ask.site)).length > 0
  const view = await deps.db.transaction((tx) => accept(tx, deps, { ask, key, caller, connected }))
  await deps.hubs.dispatch(ask.site)
  deps.signals.notify('events')
  return view
}

async function accept(
  tx: Db,
  deps: Deps,
  request: { ask: ResetAsk; key: string; caller: Caller; connected: boolean },
): Promise<ResetView> {
  const { ask, key, caller } = request
  const nowMs = deps.clock.wallMs()
  const row = await lockSite(tx, ask.site)
  if (!row) throw unknownSite(ask.site)
  const id = resetId(ask.site, key)
  const bodyHash = hashBody(ask)
  const known = await findReset(tx, id)
  if (known) return replay(known, ask, bodyHash, nowMs, caller)
  if (row.document === null) {
    throw new ApiError('site-not-configured', `site ${ask.site} has no document yet`)
  }
  const site = row.document as SiteDocument
  const { target, requester } = resolve(site, ask)
  requireOperate(caller, ask.site, clustersOf(site, target.server.name))
  const order = makeOrder(deps, { id, ask, caller, nowMs, revision: row.revision }, site, {
    target,
    requester,
  })
  await refuseEarly(tx, { site, name: ask.site, target, requester, nowMs })
  return await storeAccepted(tx, deps, order, { bodyHash, connected: request.connected })
}

function replay(
  known: ResetRow,
  ask: ResetAsk,
  bodyHash: string,
  nowMs: number,
  caller: Caller,
): ResetView {
  if (caller.scope === 'read') requireOperate(caller, ask.site, [])
  judgeReplay(known, { bodyHash, nowMs })
  const view = resetOf(known)
  // A reset that only a report told of has no body to compare: what it tells of itself must agree.
  const sameTarget =
    'server' in ask.target ? ask.target.server === view.server : ask.target.system === view.system
  if (known.bodyHash === null && !(sameTarget && ask.mode === view.mode)) {
    throw new ApiError('idempotency-key-reused', 'this key was used with another request')
  }
  return view
}

interface Resolved {
  target: ResolvedTarget
  requester: SystemAddress | undefined
}

function resolve(site: SiteDocument, ask: ResetAsk): Resolved {
  const target = resolveTarget(site, ask.target)
  if ('code' in target) throw new ApiError(target.code, target.detail)
  if (!ask.requester) return { target, requester: undefined }
  const requester = resolveRequester(site, ask.requester, target.system?.cluster)
  if ('code' in requester) throw new ApiError(requester.code, requester.detail, { result: 'ERROR' })
  return { target, requester }
}

/** What an act on a server stops: systems of every cluster that it carries. */
export function clustersOf(site: SiteDocument, server: string): string[] {
  return [...new Set(systemsOf(site, server).map(({ cluster }) => cluster))]
}

async function refuseEarly(
  tx: Db,
  {
    site,
    name,
    target,
    requester,
    nowMs,
  }: Resolved & { site: SiteDocument; name: string; nowMs: number },
): Promise<void> {
  const view = await arbiterView(tx, name, target.server.name, nowMs)
  const verdict = arbitrate({
    site,
    server: target.server,
    system: target.system,
    requester,
    view,
  })
  if (verdict.verdict === 'accept') return
  const { code, detail, result, order } = verdict
  throw new ApiError(code, detail, { result, reset: order })
}

/**
 * A reset of unknown outcome may be open still, so it counts as open for everybody else; its own target may
 * be reset again, or a lost agent would keep it from ever being fenced.
 */
async function arbiterView(
  tx: Db,
  site: string,
  target: string,
  nowMs: number,
): Promise<ArbiterView> {
  const since = new Date(nowMs - STOPPED_WITHOUT_REGISTRATION_MS).toISOString()
  // Asked together: the site's lock is held, so nothing changes between them.
  const [open, loose, completed] = await Promise.all([
    listOpenResets(tx, site),
    listLooseServers(tx, site),
    listCompletedSince(tx, site, since),
  ])
  return {
    now: nowMs,
    open: open
      .filter(({ server, status }) => !(status === 'unknown' && server === target))
      .map(({ id, server }) => ({ order: id, server })),
    loose: loose.map((server) => ({ server })),
    completed: completed.map(({ server, fencedAt }) => ({ server, at: Date.parse(fencedAt) })),
  }
}

function makeOrder(
  deps: Deps,
  asked: { id: string; ask: ResetAsk; caller: Caller; nowMs: number; revision: number },
  site: SiteDocument,
  { target, requester }: Resolved,
): ResetOrder {
  const { id, ask, caller, nowMs, revision } = asked
  const { system } = target
  return {
    v: PROTOCOL_VERSION,
    kind: 'reset',
    id,
    site: ask.site,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + ORDER_LIFE_MS,
    revision,
    request: {
      server: target.server.name,
      ...(system ? { system: { cluster: system.cluster, number: system.number } } : {}),
      ...(requester ? { requester } : {}),
      mode: ask.mode,
      reason: ask.reason,
      requestedBy: caller.name,
      requestedAt: deps.clock.wall(),
    },
    plan: planReset(site, target, ask.mode),
  }
}

async function storeAccepted(
  tx: Db,
  deps: Deps,
  order: ResetOrder,
  { bodyHash, connected }: { bodyHash: string; connected: boolean },
): Promise<ResetView> {
  const { id, site, issuedAtMs, expiresAtMs, plan } = order
  const folded = foldReset([], order)
  if (!folded) throw new Error(`order ${id} folds to no reset`)
  const view = connected ? folded : { ...folded, detail: noAgentDetail() }
  const { server, status, requestedAt } = view
  const token = await signOrder(order, deps.key.sign)
  const overdueAtMs = expiresAtMs + planMs(plan) + OVERDUE_MARGIN_MS
  const timing = { issuedAtMs, expiresAtMs, overdueAtMs }
  const payload = { id, server, status, requestedBy: view.requestedBy, reason: view.reason }
  // Written together; whatever of it fails takes the rest back with the transaction.
  const [opened] = await Promise.all([
    openReset(tx, { id, site, server, bodyHash, status, view, requestedAt }),
    storeOrder(tx, { id, site, kind: 'reset', token, content: order, ...timing }),
    appendEvents(tx, [{ site, type: 'reset', at: deps.clock.wall(), payload }]),
  ])
  if (!opened) {
    const detail = `a reset of ${server} is already open`
    throw new ApiError('reset-already-open', detail, { result: 'FAIL' })
  }
  return view
}

function noAgentDetail(): string {
  return `no agent of this site is connected; the order is sent if one connects within ${ORDER_LIFE_MS / 1000} s`
}

/** The longest that the timers of a plan let a ladder take. */
function planMs(plan: Plan): number {
  const switchingMs = plan.feeds.length > 0 ? 30_000 : 0
  return (
    plan.hardResetAfterMs +
    plan.hardResetTimeoutMs +
    plan.holdUpMs +
    plan.pduRecoveryWaitMs +
    switchingMs
  )
}
