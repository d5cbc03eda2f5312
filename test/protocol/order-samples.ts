// One order, one plan and one record of every kind, as the tests of the protocol use them.
import type { ResetOrder, RestoreOrder } from '../../protocol/order.ts'
import type { Body, JournalRecord } from '../../protocol/report.ts'

export const SITE = 'tokyo1'
export const RESET_ID = 'rst_0123456789abcdefghjkmnpqrs'
export const RESTORE_ID = 'opr_0123456789abcdefghjkmnpqrs'
export const AT = '2026-11-20T01:02:03.000004Z'

const a = { cluster: 'db', number: 10001, address: '192.168.0.101', port: 6001 }
const b = { cluster: 'db', number: 10002, address: '192.168.0.102', port: 6001 }

export const REQUEST = {
  server: 'PSERVER1',
  system: { cluster: 'db', number: 10001 },
  requester: b,
  mode: 'ladder' as const,
  reason: 'heartbeat lost',
  requestedBy: 'system:db/10002',
  requestedAt: '2026-11-20T01:02:02.500000Z',
}

export const PLAN = {
  server: 'PSERVER1',
  kind: 'P' as const,
  system: a,
  mode: 'ladder' as const,
  softMethod: 'nmi' as const,
  hardMethod: 'reset' as const,
  hardResetAfterMs: 2500,
  hardResetTimeoutMs: 5000,
  feeds: [
    { pdu: 'pdu-a', pduAddress: '192.168.1.101', outlet: 3 },
    { pdu: 'pdu-b', pduAddress: '192.168.1.102', outlet: 3 },
  ],
  pduRecoveryWaitMs: 10_000,
  holdUpMs: 1000,
  requireGrade: 'acknowledged' as const,
  bmc: { address: '192.168.1.51', port: 623 },
}

export const RESET_ORDER: ResetOrder = {
  v: 1,
  kind: 'reset',
  id: RESET_ID,
  site: SITE,
  issuedAtMs: 1_795_000_000_000,
  expiresAtMs: 1_795_000_030_000,
  revision: 7,
  request: REQUEST,
  plan: PLAN,
}

export const RESTORE_ORDER: RestoreOrder = {
  v: 1,
  kind: 'restore',
  id: RESTORE_ID,
  site: SITE,
  issuedAtMs: 1_795_000_000_000,
  expiresAtMs: 1_795_000_030_000,
  revision: 7,
  target: { server: 'PSERVER1' },
  feeds: PLAN.feeds,
  requestedBy: 'key:ops',
}

const mono = { bootId: 'b1', ms: 5000.25 }

/** A body of every kind. */
export const BODIES: Body[] = [
  { kind: 'started', version: '0.1.0', bootId: 'b1' },
  { kind: 'configured', revision: 7, detail: 'from the control plane' },
  { kind: 'accepted', order: RESET_ID, token: null, request: REQUEST, plan: PLAN, mono },
  {
    kind: 'refused',
    order: RESET_ID,
    token: null,
    code: 'pair-guard',
    result: 'FAIL',
    detail: 'the partner has an open ladder',
    request: REQUEST,
  },
  {
    kind: 'intent',
    order: RESET_ID,
    shot: { id: 1, rung: 'soft', device: { kind: 'bmc' }, action: 'nmi' },
    mono,
  },
  { kind: 'answer', order: RESET_ID, shot: 1, answer: 'accepted', detail: '', mono },
  {
    kind: 'noticed',
    order: RESET_ID,
    server: 'PSERVER1',
    system: a,
    address: '192.168.0.101',
    port: 7410,
    mono,
  },
  {
    kind: 'concluded',
    order: RESET_ID,
    conclusion: {
      result: 'DUMP',
      fenced: true,
      grade: 'acknowledged',
      evidence: [{ source: 'system:10001', said: 'stop notice', at: AT }],
    },
    mono,
  },
  { kind: 'recovery', order: RESET_ID, recovery: 'waiting', detail: '', mono },
  { kind: 'ended', order: RESET_ID },
  { kind: 'settled', order: RESET_ID, shot: 1, detail: 'answered a later read' },
  {
    kind: 'operation',
    order: RESTORE_ID,
    operation: 'restore',
    target: { server: 'PSERVER1' },
    feeds: PLAN.feeds,
    requestedBy: 'key:ops',
    token: null,
    mono,
  },
  { kind: 'operation-ended', order: RESTORE_ID, status: 'done', detail: '' },
  {
    kind: 'observed',
    subject: 'outlet',
    name: 'pdu-a/3',
    attribute: 'state',
    value: 'Enable',
    detail: '',
    readAt: AT,
  },
  { kind: 'alarm', code: 'fence-refuted', subject: 'db/10001', detail: '', raised: true },
]

/** Puts bodies into one agent's records. `prev` is not chained: only tests of the chain need that. */
export function recordsOf(bodies: readonly Body[], agent = 'HACON1', epoch = 1): JournalRecord[] {
  return bodies.map((body, index) => ({
    v: 1,
    site: SITE,
    agent,
    start: 1,
    epoch,
    seq: index + 1,
    prev: '0'.repeat(64),
    at: `2026-11-20T01:02:03.${String(index + 1).padStart(6, '0')}Z`,
    ...body,
  }))
}
