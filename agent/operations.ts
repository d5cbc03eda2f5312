// Restores and tests at their acceptance: may they start by what the agent last read, how do they stand in the
// journal, and which course runs them (spec domain.md §9).
import { type Course, type Move, restoreCourse } from '../core/course.ts'
import {
  judgeCarrier,
  judgeManagementSettings,
  type PeerLink,
} from '../core/drill/management-server.ts'
import { openPduTest } from '../core/drill/pdu-step.ts'
import type { PduTestPlan } from '../core/drill/pdu-test.ts'
import {
  judgePduTest,
  judgeSoftResetTest,
  type TestedServer,
  type TestRefusal,
} from '../core/drill/preconditions.ts'
import { openSoftResetTest } from '../core/drill/soft-reset-test.ts'
import type { Moment } from '../core/ladder/ladder.ts'
import { openRestore } from '../core/ladder/recovery.ts'
import { blankLadder } from '../core/ladder/step.ts'
import { HOLD_UP_DEFAULT_MS } from '../core/limits/bounds.ts'
import type { OperationTarget, Outlet, PduTestSettings } from '../core/operation.ts'
import type { Power } from '../core/outcome.ts'
import type { Plan } from '../core/plan.ts'
import { plannedFeeds, resolveTarget } from '../core/planner.ts'
import {
  type Feed,
  findManagementServer,
  findServer,
  machinesOf,
  type Server,
  type SiteDocument,
} from '../core/site.ts'
import { canonicalJson } from '../protocol/chain.ts'
import type { OperationOrder, PduTestOrder, SoftResetTestOrder } from '../protocol/order.ts'
import type { BodyOf } from '../protocol/report.ts'
import type { LinkState } from './drivers/driver.ts'

/** What the agent last saw of its devices. */
export interface Seen {
  /** Name of this agent, and of the management server that it runs on. */
  agent: string
  peerLink(): PeerLink
  power(server: string): Power
  outlet(outlet: Outlet): Power
  bmcLink(server: string): LinkState | undefined
  pduLink(pdu: string): LinkState | undefined
  /** An earlier effect on this server has no answer yet. */
  loose(server: string): boolean
  /** A stop notice of this server was just heard. */
  recentNotice(server: string): boolean
}

export interface OperationDeskView {
  site: SiteDocument
  seen: Seen
  underWay: readonly Course[]
}

export function judgeOperation(
  order: OperationOrder,
  view: OperationDeskView,
): TestRefusal | undefined {
  const { server: name } = order.target
  switch (order.kind) {
    case 'restore':
      return findTarget(view.site, order.target)
        ? judgeRestore(name, order.feeds.length, view)
        : unknown(order.target)
    case 'soft-reset-test': {
      const server = findServer(view.site, name)
      return server ? judgeSoft(order, server, view) : unknown(order.target)
    }
    case 'pdu-test':
      return judgePdu(order, view)
  }
}

function findTarget(
  site: SiteDocument,
  { server, class: of }: OperationTarget,
): { feeds: Feed[] } | undefined {
  return of === 'M' ? findManagementServer(site, server) : findServer(site, server)
}

function unknown({ server, class: of }: OperationTarget): TestRefusal {
  return of === 'M'
    ? {
        code: 'unknown-management-server',
        detail: `no management server is named "${server}"`,
      }
    : { code: 'unknown-server', detail: `no server is named "${server}"` }
}

/** While a ladder or its recovery wait is open, nothing else touches its feeds (spec domain.md §9). */
function judgeRestore(
  server: string,
  feeds: number,
  { underWay }: OperationDeskView,
): TestRefusal | undefined {
  if (feeds === 0) return { code: 'no-feeds', detail: `${server} has no feeds to restore` }
  const inTheWay = underWay.find((course) => course.server === server)
  if (!inTheWay) return undefined
  const code = inTheWay.kind === 'reset' ? 'reset-in-progress' : 'operation-in-progress'
  return { code, detail: `a ${inTheWay.kind} of ${server} is in progress` }
}

/** Systems do not register in this version, so that any system of the site's document may be tested. */
function judgeSoft(
  { system }: SoftResetTestOrder,
  server: Server,
  view: OperationDeskView,
): TestRefusal | undefined {
  const target = resolveTarget(view.site, { system: system.number, cluster: system.cluster })
  if ('code' in target) return target
  if (target.server.name !== server.name) return changed(server.name)
  const { seen } = view
  return judgeSoftResetTest(testedServer(server.name, view), {
    softMethod: server.softMethod,
    loose: seen.loose(server.name),
    recentNotice: seen.recentNotice(server.name),
  })
}

function judgePdu(
  { target, feeds, test }: PduTestOrder,
  view: OperationDeskView,
): TestRefusal | undefined {
  const { site, seen } = view
  const { server } = target
  const found = findTarget(site, target)
  if (!found) return unknown(target)
  if (target.class === 'M') {
    const { agent } = seen
    const managementServers = site.spec.managementServers.map(({ name }) => name)
    const refusal =
      judgeCarrier(server, { agent, managementServers, peerLink: seen.peerLink() }) ??
      judgeManagementSettings(server, feeds, test)
    if (refusal) return refusal
  }
  if (canonicalJson(plannedFeeds(site, found)) !== canonicalJson(feeds)) return changed(server)
  const tested = feeds.map(({ pdu, outlet }) => ({
    pdu,
    outlet,
    pduLink: seen.pduLink(pdu),
    value: seen.outlet({ pdu, outlet }),
  }))
  // No system registers in this version: nobody can be found still up.
  return judgePduTest(testedServer(server, view), tested, test, [])
}

function testedServer(server: string, { seen, underWay }: OperationDeskView): TestedServer {
  const other = underWay.find((course) => course.kind === 'pdu-test' && course.server !== server)
  return {
    server,
    bmcLink: seen.bmcLink(server),
    power: seen.power(server),
    underWay: underWay.filter((course) => course.server === server).map(({ kind }) => kind),
    otherTest: other?.server,
  }
}

function changed(server: string): TestRefusal {
  const detail = `the configuration of ${server} changed since this order was planned; ask again`
  return { code: 'plan-changed', detail }
}

export function operationRecord(
  order: OperationOrder,
  token: string,
  mono: BodyOf<'operation'>['mono'],
): BodyOf<'operation'> {
  const { id, kind, target, requestedBy } = order
  return {
    kind: 'operation',
    order: id,
    operation: kind,
    target,
    ...(order.kind === 'soft-reset-test' ? { system: order.system } : {}),
    feeds: order.kind === 'soft-reset-test' ? [] : order.feeds,
    ...(order.kind === 'pdu-test' ? { test: order.test } : {}),
    requestedBy,
    token,
    mono,
  }
}

export function startOperation(order: OperationOrder, site: SiteDocument, at: Moment): Move {
  const { id, target } = order
  switch (order.kind) {
    case 'restore': {
      const ladder = blankLadder(id, restorePlan(target.server, order.feeds), at.ms)
      return restoreCourse(openRestore(ladder, at))
    }
    case 'soft-reset-test':
      return openSoftResetTest(id, target.server, at)
    case 'pdu-test': {
      const { feeds, test } = order
      return openPduTest(pduTestPlan(id, target, { feeds, settings: test }, site), at)
    }
  }
}

/** The logs of all watched machines are compared: a mis-cabled feed belongs to one of them. */
export function pduTestPlan(
  order: string,
  { server, class: of }: OperationTarget,
  { feeds, settings }: { feeds: Plan['feeds']; settings: PduTestSettings },
  site: SiteDocument | undefined,
): PduTestPlan {
  const machines = site ? machinesOf(site).map(({ name }) => name) : []
  const holdUpMs = (site && findServer(site, server)?.holdUpMs) ?? HOLD_UP_DEFAULT_MS
  const others = machines.filter((name) => name !== server)
  return { order, server, class: of ?? 'P', feeds, settings, holdUpMs, others }
}

/** A restore needs nothing of a plan but its server and feeds. */
export function restorePlan(server: string, feeds: Plan['feeds']): Plan {
  return {
    server,
    kind: 'P',
    mode: 'pdu',
    softMethod: 'none',
    hardMethod: 'off-on',
    hardResetAfterMs: 0,
    hardResetTimeoutMs: 0,
    feeds,
    pduRecoveryWaitMs: 0,
    holdUpMs: 0,
    requireGrade: 'confirmed',
    bmc: { address: '', port: 0 },
  }
}
