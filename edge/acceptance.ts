// The control plane's word on a reset: it refuses early what it can, and signs an order for the rest. The
// active agent's arbiter has the last word (spec architecture.md, decision 1).
import { type ArbiterView, arbitrate, STOPPED_WITHOUT_REGISTRATION_MS } from '../core/arbiter.ts'
import type { Plan, ResetMode, SystemAddress } from '../core/plan.ts'
import { planReset, type ResolvedTarget, resolveRequester, resolveTarget } from '../core/planner.ts'
import { type SiteDocument, systemsOf } from '../core/site.ts'
import {
  type AcceptedReset,
  lockSiteHolding,
  readStanding,
  type SiteState,
  type Standing,
  storeAccepted,
} from '../db/acceptance.ts'
import { type Db, together } from '../db/client.ts'
import { findResets } from '../db/resets.ts'
import type { ResetOrder } from '../protocol/order.ts'
import { signOrder } from '../protocol/order-token.ts'
import { resetId } from '../protocol/reset-id.ts'
import { foldReset, type ResetView } from '../protocol/reset-view.ts'
import { PROTOCOL_VERSION } from '../protocol/version.ts'
import { type Caller, requireOperate, requireSight, unknownSite } from './auth.ts'
import { documentOf } from './configured.ts'
import { ApiError } from './errors.ts'
import { gather, type Outcome } from './gather.ts'
import { hashBody, judgeReplay } from './idempotency.ts'
import type { Deps, HubHere, Recipient } from './ports.ts'
import { resetOf } from './views.ts'

/** How long an order may wait for an agent. */
export const ORDER_LIFE_MS = 60_000
/** What a ladder may take beyond the timers of its plan before it counts as overdue. */
const OVERDUE_MARGIN_MS = 60_000
/** Bounds how long the lock of a site is held. */
const ACCEPTED_AT_ONCE = 64
/** Sites whose documents are kept parsed. */
const SITES_HELD = 100

export interface ResetAsk {
  site: string
  target: { system: number; cluster?: string | undefined } | { server: string }
  requester?: { system: number; cluster?: string | undefined } | undefined
  mode: ResetMode
  reason: string
}

/** Accepts a reset, or answers with the one that the same key asked for before. Throws ApiError. */
export type AcceptReset = (ask: ResetAsk, key: string, caller: Caller) => Promise<ResetView>

interface Asked {
  ask: ResetAsk
  id: string
  bodyHash: string
  caller: Caller
}

/** A reset of this key, as far as a second request with the key needs it. */
interface Known {
  bodyHash: string | null
  endKnownAtMs: number | null
  view: ResetView
}

/** The answer to one request, and the sending of its order, which an acceptance waits for too. */
interface Answer {
  id: string
  view: ResetView
  /** Left out when the order, if it waits still, has to be dispatched. */
  delivering?: Promise<void>
}

interface Acceptance {
  deps: Deps
  /** As last read, by name. */
  sites: Map<string, SiteState>
}

/** Resets of one site are accepted one after the other anyway: those that wait share a transaction. */
export function resetAcceptance(deps: Deps): AcceptReset {
  const acceptance: Acceptance = { deps, sites: new Map() }
  const accept = gather<Asked, Answer>(
    (site, asked) => acceptTogether(acceptance, site, asked),
    ACCEPTED_AT_ONCE,
  )
  return async (ask, key, caller) => {
    requireSight(caller, ask.site)
    const id = resetId(ask.site, key)
    const { view, delivering } = await accept(ask.site, {
      ask,
      id,
      bodyHash: hashBody(ask),
      caller,
    })
    await (delivering ?? deps.hubs.dispatch(ask.site))
    deps.signals.notify('events')
    return view
  }
}

async function acceptTogether(
  acceptance: Acceptance,
  site: string,
  asked: readonly Asked[],
): Promise<Outcome<Answer>[]> {
  try {
    return await acceptOnce(acceptance, site, asked)
  } catch (error) {
    if (asked.length <= 1) return asked.map(() => ({ error }))
    // Nobody fails for another's request. What the database took nevertheless is known by its key.
    const outcomes: Outcome<Answer>[] = []
    for (const one of asked) outcomes.push(...(await acceptTogether(acceptance, site, [one])))
    return outcomes
  }
}

/**
 * Where the hub lives in this process, orders are stored as sent to the agent that is connected, and leave in the
 * turn that learns of the commit. Should this process end in between, the hub's next one finds them
 * unacknowledged and sends them; the agent drops what it has.
 */
async function acceptOnce(
  { deps, sites }: Acceptance,
  site: string,
  asked: readonly Asked[],
): Promise<Outcome<Answer>[]> {
  const hub = await deps.hubs.here?.(site)
  const to = hub?.recipient()
  const connected = to !== undefined || (await deps.hubs.presence(site)).length > 0
  const { outcomes, accepted, storing } = await deps.db.transaction((tx) =>
    acceptAll(tx, deps, { site, asked, connected, sites, to }),
  )
  const stored = await storing
  const sent = accepted.filter(({ order }) => stored.get(order.id)?.sent)
  const delivering = hub && to && sent.length > 0 ? deliver(hub, to, sent) : undefined
  return outcomes.map((outcome) => {
    if ('error' in outcome) return outcome
    const { id, view } = outcome.value
    const own = accepted.some(({ order }) => order.id === id)
    if (own && !stored.has(id)) return { error: alreadyOpen(view.server) }
    return { value: { id, view, ...(stored.get(id)?.sent && delivering ? { delivering } : {}) } }
  })
}

function deliver(hub: HubHere, to: Recipient, sent: readonly Signed[]): Promise<void> {
  return hub.deliver(
    to,
    sent.map(({ order: { id, revision }, token, overdueAtMs }) => {
      return { id, token, revision, overdueAtMs }
    }),
  )
}

interface Accepting {
  site: string
  asked: readonly Asked[]
  connected: boolean
  sites: Map<string, SiteState>
  to: Recipient | undefined
}

async function acceptAll(tx: Db, deps: Deps, { site: name, asked, ...on }: Accepting) {
  const nowMs = deps.clock.wallMs()
  const since = new Date(nowMs - STOPPED_WITHOUT_REGISTRATION_MS).toISOString()
  const ids = asked.map(({ id }) => id)
  // In one flight: a connection runs its statements one after the other, so these reads begin under the lock.
  const [row, standing] = await together(
    lockSiteHolding(tx, name, on.sites.get(name)),
    readStanding(tx, { site: name, since, ids }),
  )
  if (!row) throw unknownSite(name)
  keepSite(on.sites, name, row)
  const rows = standing.known.length > 0 ? await findResets(tx, standing.known) : []
  const known = new Map(rows.map((reset) => [reset.id, { ...reset, view: resetOf(reset) }]))
  const { connected, to } = on
  const view = viewOf(standing, nowMs)
  const desk = { name, row, nowMs, connected, view, known, accepted: new Map() }
  const outcomes = asked.map((one) => attempt(() => judge(deps, desk, one)))
  const accepted = await sign(deps, [...desk.accepted.values()])
  const sending = to && { site: name, kid: to.kid, epoch: to.epoch, nowMs }
  // Not waited for: the commit follows it in the same flight, and a failure turns that into a rollback.
  const storing = storeAccepted(tx, accepted.map(rowOf), sending)
  storing.catch(() => {})
  return { outcomes, accepted, storing }
}

function keepSite(sites: Map<string, SiteState>, name: string, site: SiteState): void {
  sites.delete(name)
  sites.set(name, site)
  const [oldest] = sites.keys()
  if (sites.size > SITES_HELD && oldest !== undefined) sites.delete(oldest)
}

/** Refusals are outcomes; whatever else is thrown fails the transaction. */
function attempt(act: () => Answer): Outcome<Answer> {
  try {
    return { value: act() }
  } catch (error) {
    if (error instanceof ApiError) return { error }
    throw error
  }
}

/** What the requests of one transaction are judged by; those accepted count for those behind them. */
interface Desk {
  name: string
  row: SiteState
  nowMs: number
  connected: boolean
  view: View
  known: Map<string, Known>
  accepted: Map<string, Accepted>
}

interface Accepted {
  order: ResetOrder
  bodyHash: string
  view: ResetView
}

function judge(deps: Deps, desk: Desk, { ask, id, bodyHash, caller }: Asked): Answer {
  const { name, row, nowMs, known, accepted, connected } = desk
  const before = known.get(id)
  if (before) return { id, view: replay(before, ask, bodyHash, nowMs, caller) }
  const site = documentOf(name, row)
  const { target, requester } = resolve(site, ask)
  const server = target.server.name
  requireOperate(caller, name, clustersOf(site, server))
  refuseEarly(site, { target, requester }, forTarget(desk.view, server))
  const order = makeOrder(deps, { id, ask, caller, nowMs, revision: row.revision }, site, {
    target,
    requester,
  })
  const folded = foldReset([], order)
  if (!folded) throw new Error(`order ${id} folds to no reset`)
  const view = connected ? folded : { ...folded, detail: noAgentDetail() }
  desk.view.open.push({ order: id, server, status: view.status })
  known.set(id, { bodyHash, endKnownAtMs: null, view })
  accepted.set(id, { order, bodyHash, view })
  return { id, view }
}

function replay(
  known: Known,
  ask: ResetAsk,
  bodyHash: string,
  nowMs: number,
  caller: Caller,
): ResetView {
  if (caller.scope === 'read') requireOperate(caller, ask.site, [])
  judgeReplay(known, { bodyHash, nowMs })
  const { view } = known
  // A reset that only a report told of has no body to compare: what it tells of itself must agree. An agent
  // of another site may name any id.
  const sameTarget =
    'server' in ask.target ? ask.target.server === view.server : ask.target.system === view.system
  const agrees = sameTarget && ask.mode === view.mode && ask.site === view.site
  if (known.bodyHash === null && !agrees) {
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

function refuseEarly(site: SiteDocument, { target, requester }: Resolved, view: ArbiterView): void {
  const { server, system } = target
  const verdict = arbitrate({ site, server, system, requester, view })
  if (verdict.verdict === 'accept') return
  const { code, detail, result, order } = verdict
  throw new ApiError(code, detail, { result, reset: order })
}

/** What stands at a site as the arbiter sees it. Built once for all that are judged together. */
function viewOf({ open, loose, completed }: Standing, nowMs: number) {
  return {
    now: nowMs,
    open: open.map(({ id, server, status }) => ({ order: id, server, status })),
    loose: loose.map((server) => ({ server })),
    // Instants by an agent's clock: one far ahead must not keep a pair closed for as long.
    completed: completed
      .map(({ server, fencedAt }) => ({ server, at: Date.parse(fencedAt) }))
      .filter(({ at }) => at - nowMs < STOPPED_WITHOUT_REGISTRATION_MS),
  } satisfies ArbiterView
}
type View = ReturnType<typeof viewOf>

/**
 * A reset of unknown outcome may be open still, so it counts as open for everybody else; its own target may
 * be reset again, or a lost agent would keep it from ever being fenced.
 */
function forTarget(view: View, target: string): ArbiterView {
  const isLost = ({ server, status }: View['open'][number]) =>
    status === 'unknown' && server === target
  return view.open.some(isLost) ? { ...view, open: view.open.filter((one) => !isLost(one)) } : view
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

/** An accepted reset whose order can leave. */
interface Signed extends Accepted {
  token: string
  /** When the order should have ended. */
  overdueAtMs: number
}

async function sign(deps: Deps, accepted: readonly Accepted[]): Promise<Signed[]> {
  return await Promise.all(
    accepted.map(async (one) => {
      const { order } = one
      const overdueAtMs = order.expiresAtMs + planMs(order.plan) + OVERDUE_MARGIN_MS
      return { ...one, token: await signOrder(order, deps.key.sign), overdueAtMs }
    }),
  )
}

function rowOf({ order, bodyHash, view, token, overdueAtMs }: Signed): AcceptedReset {
  const { id, site, issuedAtMs, expiresAtMs } = order
  const { server, status, requestedAt, requestedBy, reason } = view
  return {
    ...{ id, site, server, bodyHash, status, view, requestedAt },
    ...{ token, content: order, issuedAtMs, expiresAtMs, overdueAtMs },
    event: { id, server, status, requestedBy, reason },
  }
}

function alreadyOpen(server: string): ApiError {
  const detail = `a reset of ${server} is already open`
  return new ApiError('reset-already-open', detail, { result: 'FAIL' })
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
