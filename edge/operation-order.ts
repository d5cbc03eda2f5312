// What a restore or test that was asked for means at a site: its target, feeds and settings (spec domain.md §9).
import { judgeManagementSettings, MANAGEMENT_OFF_TIME_S } from '../core/drill/management-server.ts'
import {
  judgePduSettings,
  OFF_TIME_S,
  type TestRefusal,
  WAIT_TIME_S,
} from '../core/drill/preconditions.ts'
import { NOTICE_WITHIN_MS } from '../core/drill/soft-reset-test.ts'
import type { MachineClass, PduTestSettings } from '../core/operation.ts'
import { addressOf, plannedFeeds, resolveTarget } from '../core/planner.ts'
import {
  findManagementServer,
  findServer,
  type ManagementServer,
  type Server,
  type SiteDocument,
} from '../core/site.ts'
import type { OperationOrder } from '../protocol/order.ts'
import { ApiError, type ErrorCode } from './errors.ts'

const OVERDUE_MARGIN_MS = 120_000
/** Looks before and after each cut of a test, and a BMC that boots. */
const OVERDUE_PER_CUT_MS = 240_000

export interface PduTestAsk {
  mode: PduTestSettings['mode']
  pdu?: string | undefined
  offTimeS?: number | undefined
  waitTimeS?: number | undefined
  leaveUp?: boolean | undefined
  exercise?: PduTestSettings['exercise']
}

export type OperationAsk = { site: string; server: string } & (
  | { kind: 'restore'; class?: 'M' }
  | { kind: 'soft-reset-test'; system: number; cluster?: string | undefined }
  | { kind: 'pdu-test'; class?: 'M'; test: PduTestAsk }
)

type OperationTarget = { class: 'P'; found: Server } | { class: 'M'; found: ManagementServer }

/** Throws ApiError when there is none. */
export function findTarget(site: SiteDocument, ask: OperationAsk): OperationTarget {
  if ('class' in ask) {
    const found = findManagementServer(site, ask.server)
    if (found) return { class: 'M', found }
    const detail = `no management server is named "${ask.server}"`
    throw new ApiError('unknown-management-server', detail)
  }
  const found = findServer(site, ask.server)
  if (found) return { class: 'P', found }
  throw new ApiError('unknown-server', `no server is named "${ask.server}"`)
}

type Content<O = OperationOrder> = O extends OperationOrder
  ? Omit<O, 'v' | 'id' | 'site' | 'issuedAtMs' | 'expiresAtMs' | 'revision' | 'requestedBy'>
  : never

/** Throws ApiError where it cannot be tested or restored. */
export function contentOf(site: SiteDocument, target: OperationTarget, ask: OperationAsk): Content {
  const { name, feeds } = target.found
  const named = { server: name, ...(target.class === 'M' ? { class: 'M' as const } : {}) }
  switch (ask.kind) {
    case 'restore':
      if (feeds.length > 0) {
        return { kind: 'restore', target: named, feeds: plannedFeeds(site, target.found) }
      }
      throw new ApiError('no-feeds', `${name} has no feeds that could be switched`)
    case 'soft-reset-test': {
      if (target.class === 'M') throw new Error(`${name} carries no system`)
      const system = testedSystem(site, target.found, ask)
      return { kind: 'soft-reset-test', target: { server: name }, system }
    }
    case 'pdu-test': {
      const test = settingsOf(target.class, ask.test)
      refuse(
        target.class === 'M'
          ? judgeManagementSettings(name, feeds, test)
          : judgePduSettings(name, feeds, test),
      )
      return { kind: 'pdu-test', target: named, feeds: plannedFeeds(site, target.found), test }
    }
  }
}

function settingsOf(of: MachineClass, asked: PduTestAsk): PduTestSettings {
  const { mode, pdu, exercise, leaveUp = false, waitTimeS = WAIT_TIME_S.usual } = asked
  const usual = of === 'M' && mode === 'serial' ? MANAGEMENT_OFF_TIME_S.usual : OFF_TIME_S.usual
  return {
    mode,
    ...(pdu === undefined ? {} : { pdu }),
    offTimeMs: (asked.offTimeS ?? usual) * 1000,
    waitTimeMs: waitTimeS * 1000,
    leaveUp,
    ...(exercise === undefined ? {} : { exercise }),
  }
}

export function refuse(refusal: TestRefusal | undefined): void {
  if (refusal) throw new ApiError(refusal.code as ErrorCode, refusal.detail)
}

/** Systems do not register yet: any system of the document that is on this server may be tested. */
function testedSystem(
  site: SiteDocument,
  server: Server,
  ask: { system: number; cluster?: string | undefined },
) {
  const target = resolveTarget(site, ask)
  if ('code' in target) throw new ApiError(target.code, target.detail)
  if (target.server.name !== server.name || !target.system) {
    const detail = `system ${ask.system} is not on server ${server.name}`
    throw new ApiError('unknown-system', detail)
  }
  if (server.softMethod === 'none') {
    throw new ApiError('no-soft-method', `server ${server.name} has softMethod none`)
  }
  return addressOf(target.system)
}

/** Before it counts as overdue. */
export function longestMs(order: OperationOrder): number {
  switch (order.kind) {
    case 'restore':
      return OVERDUE_MARGIN_MS
    case 'soft-reset-test':
      return OVERDUE_MARGIN_MS + NOTICE_WITHIN_MS
    case 'pdu-test': {
      const { offTimeMs, waitTimeMs } = order.test
      const cutMs = offTimeMs + waitTimeMs + OVERDUE_PER_CUT_MS
      return OVERDUE_MARGIN_MS + order.feeds.length * cutMs
    }
  }
}
