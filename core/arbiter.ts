// Who may be reset now (spec domain.md §3, §4). The control plane asks early with what it knows; the
// active agent's answer is the last word.
import type { SystemAddress } from './plan.ts'
import type { ClusterSystem } from './planner.ts'
import type { Server, SiteDocument } from './site.ts'

/** A system that never registers counts as back after this time (spec domain.md §4). */
export const STOPPED_WITHOUT_REGISTRATION_MS = 60_000

/** What the arbiter goes by. All instants are ms of one clock. */
export interface ArbiterView {
  now: number
  /** Resets that are open, from acceptance until their recovery is recorded. */
  open: readonly { order: string; server: string }[]
  /** Servers with an effect under way about which no device has told yet. */
  loose: readonly { server: string }[]
  /** Servers that a test is stopping, or is about to. */
  tested?: readonly { server: string }[]
  /** Completed resets; ones longer ago than `STOPPED_WITHOUT_REGISTRATION_MS` may be left out. */
  completed: readonly { server: string; at: number }[]
}

export interface ArbiterQuestion {
  site: SiteDocument
  server: Server
  system?: ClusterSystem | undefined
  requester?: SystemAddress | undefined
  view: ArbiterView
}

export type RefusalCode =
  | 'reset-already-open'
  | 'pair-guard'
  | 'requester-being-reset'
  | 'requester-reset-complete'
  | 'requester-is-target'
  | 'unknown-requester'

export interface Refusal {
  verdict: 'refuse'
  code: RefusalCode
  result: 'FAIL' | 'ERROR'
  detail: string
  /** The open reset that stands in the way, where one does. */
  order?: string
}
export type Verdict = { verdict: 'accept' } | Refusal

/** Judges one request. Pure; the same on both sides of the link. Who may not ask at all comes first. */
export function arbitrate(question: ArbiterQuestion): Verdict {
  return (
    judgeRequester(question) ??
    judgeTarget(question) ??
    judgePair(question) ?? { verdict: 'accept' }
  )
}

function judgeTarget({ server, view }: ArbiterQuestion): Verdict | undefined {
  const open = view.open.find((reset) => reset.server === server.name)
  if (!open) return undefined
  return {
    verdict: 'refuse',
    code: 'reset-already-open',
    result: 'FAIL',
    detail: `a reset of ${server.name} is already open`,
    order: open.order,
  }
}

function judgeRequester({ site, server, requester, view }: ArbiterQuestion): Verdict | undefined {
  if (!requester) return undefined
  const asking = serverOf(site, requester)
  if (asking === undefined) {
    return {
      verdict: 'refuse',
      code: 'unknown-requester',
      result: 'ERROR',
      detail: `no system ${requester.number} of cluster "${requester.cluster}" is on this site`,
    }
  }
  const open = view.open.find((reset) => reset.server === asking)
  if (open) {
    return {
      verdict: 'refuse',
      code: 'requester-being-reset',
      result: 'FAIL',
      detail: `the requester's own server ${asking} is being reset`,
      order: open.order,
    }
  }
  if (asking === server.name) {
    return {
      verdict: 'refuse',
      code: 'requester-is-target',
      result: 'ERROR',
      detail: `${server.name} asks for its own reset`,
    }
  }
  if (stoppedRecently(view, asking)) {
    return {
      verdict: 'refuse',
      code: 'requester-reset-complete',
      result: 'ERROR',
      detail: `the requester's own server ${asking} was reset and has not registered since`,
    }
  }
  return undefined
}

function serverOf(site: SiteDocument, { cluster, number }: SystemAddress): string | undefined {
  return site.spec.clusters
    .find(({ name }) => name === cluster)
    ?.systems.find((system) => system.number === number)?.server
}

/** The pair guard alone, for whatever else stops a server (spec domain.md §4). */
export function judgePair({
  site,
  server,
  view,
}: Pick<ArbiterQuestion, 'site' | 'server' | 'view'>): Refusal | undefined {
  for (const partner of guardedPartners(site, server.name)) {
    const open = view.open.find((reset) => reset.server === partner)
    const because = open
      ? 'is being reset'
      : view.loose.some((effect) => effect.server === partner)
        ? 'may still be hit by an effect without an answer'
        : view.tested?.some((test) => test.server === partner)
          ? 'is being tested'
          : stoppedRecently(view, partner)
            ? 'was stopped and has not registered since'
            : undefined
    if (because !== undefined) {
      return {
        verdict: 'refuse',
        code: 'pair-guard',
        result: 'FAIL',
        detail: `the guarded partner ${partner} of ${server.name} ${because}`,
        ...(open ? { order: open.order } : {}),
      }
    }
  }
  return undefined
}

/** The pair is the two systems of a two-system cluster whose servers both have the guard on. */
export function guardedPartners(site: SiteDocument, server: string): string[] {
  const guarded = new Set(
    site.spec.servers.filter(({ pairGuard }) => pairGuard).map(({ name }) => name),
  )
  if (!guarded.has(server)) return []
  return site.spec.clusters
    .filter(({ systems }) => systems.length === 2)
    .map(({ systems }) => systems.map((system) => system.server))
    .filter((servers) => servers.includes(server))
    .flatMap((servers) => servers.filter((name) => name !== server && guarded.has(name)))
}

function stoppedRecently(view: ArbiterView, server: string): boolean {
  return view.completed.some(
    (reset) => reset.server === server && view.now - reset.at < STOPPED_WITHOUT_REGISTRATION_MS,
  )
}
