// A reset or operation as REST shows it (spec api.md, `GET /v1/resets/{id}`), folded from the records of its
// order. Pure, so that the edge and the LAN path of the agent answer alike.
import type {
  FeedFinding,
  MachineClass,
  OperationKind,
  PduTestSettings,
} from '../core/operation.ts'
import type { Evidence, Recovery, Result } from '../core/outcome.ts'
import type { ResetMode } from '../core/plan.ts'
import type { SystemKind } from '../core/site.ts'
import type { OperationOrder, ResetOrder } from './order.ts'
import { inOrder } from './record-order.ts'
import type { BodyOf, JournalRecord, RecordOf, ResetRequest } from './report.ts'
import { type Step, stepsOf } from './reset-steps.ts'
import { softResetTime } from './soft-reset-time.ts'

export type ResetStatus =
  | 'accepted'
  | 'soft'
  | 'hard'
  | 'pduOff'
  | 'complete'
  | 'failed'
  | 'refused'
  /** Overdue and its agent not heard: set by the control plane alone, never by this fold. */
  | 'unknown'

export interface ResetView {
  id: string
  site: string
  server: string
  system: number | null
  kind: SystemKind
  mode: ResetMode
  reason: string
  requestedBy: string
  requester: number | null
  status: ResetStatus
  result: Result | null
  fenced: boolean
  grade: 'confirmed' | 'acknowledged' | 'assumed' | 'unknown' | null
  evidence: Evidence[]
  recovery: Recovery
  requestedAt: string
  fencedAt: string | null
  endedAt: string | null
  /** Of a refusal: why, as a stable word. */
  code: string | null
  /** Of a refusal or failure: why, for a person. */
  detail: string | null
  steps: Step[]
}

export interface OperationView {
  id: string
  site: string
  operation: OperationKind
  /** Of the server or management server. */
  server: string
  class: MachineClass
  /** Of a soft-reset test. */
  system: number | null
  /** Of a PDU test. */
  test: PduTestSettings | null
  requestedBy: string
  status: 'running' | 'done' | 'failed' | 'aborted'
  /** Of a refusal or failure: why, as a stable word. */
  code: string | null
  detail: string | null
  /** Of a serial PDU test: what each cut showed. */
  feeds: FeedFinding[]
  /** Of a soft-reset test: from the soft request to the stop notice. */
  softResetMs: number | null
  startedAt: string | null
  endedAt: string | null
  steps: Step[]
}

/**
 * Folds the records of one reset, in any order and however often they came. The order, where the caller has
 * it, tells what was asked. Undefined when neither tells what was asked.
 */
export function foldReset(
  unordered: Iterable<JournalRecord>,
  order?: ResetOrder,
): ResetView | undefined {
  const records = inOrder(unordered)
  const accepted = records.find((record) => record.kind === 'accepted')
  // A refusal beside an act is of a second copy of the order: the act counts.
  const acted = records.some(({ kind }) => kind !== 'refused')
  const refused = acted ? undefined : records.findLast((record) => record.kind === 'refused')
  // What was signed counts; a record that says otherwise changes nothing of it.
  const request = order?.request ?? accepted?.request ?? refused?.request
  const id = order?.id ?? accepted?.order ?? refused?.order
  const site = order?.site ?? records[0]?.site
  if (request == null || id == null || site === undefined) return undefined
  const concluded = conclusionOf(records)
  return {
    ...asked(id, site, request, order?.plan.kind ?? accepted?.plan.kind ?? 'P'),
    ...(refused === undefined ? outcome(records, concluded) : refusal(refused)),
    steps: stepsOf(records),
  }
}

function asked(id: string, site: string, request: ResetRequest, kind: SystemKind) {
  return {
    id,
    site,
    server: request.server,
    system: request.system?.number ?? null,
    kind,
    mode: request.mode,
    reason: request.reason,
    requestedBy: request.requestedBy,
    requester: request.requester?.number ?? null,
    requestedAt: request.requestedAt,
  }
}

function refusal(refused: RecordOf<'refused'>) {
  return {
    status: 'refused' as const,
    result: refused.result,
    fenced: false,
    grade: null,
    evidence: [],
    recovery: 'none' as const,
    fencedAt: null,
    endedAt: refused.at,
    code: refused.code,
    detail: refused.detail,
  }
}

function outcome(
  records: readonly JournalRecord[],
  concluded: RecordOf<'concluded'> | undefined,
): Omit<ResetView, keyof ReturnType<typeof asked> | 'steps'> {
  const conclusion = concluded?.conclusion
  const grade = conclusion?.grade ?? null
  return {
    status: statusOf(records, concluded),
    result: conclusion?.result ?? null,
    fenced: conclusion?.fenced ?? false,
    grade: grade === 'failed' ? null : grade,
    evidence: conclusion?.evidence ?? [],
    recovery: records.findLast((record) => record.kind === 'recovery')?.recovery ?? 'none',
    fencedAt: concluded?.conclusion.fenced ? concluded.at : null,
    endedAt: records.findLast((record) => record.kind === 'ended')?.at ?? null,
    code: null,
    detail: conclusion?.detail ?? null,
  }
}

/**
 * The first conclusion of the highest epoch: nobody acts under a lower one once it is known, so what comes
 * late of a lower one is history (spec redundancy.md, "Votes").
 */
function conclusionOf(records: readonly JournalRecord[]): RecordOf<'concluded'> | undefined {
  const all = records.filter((record) => record.kind === 'concluded')
  const epoch = Math.max(...all.map((record) => record.epoch))
  return all.find((record) => record.epoch === epoch)
}

const PROGRESS = ['accepted', 'soft', 'hard', 'pduOff'] as const
const PROGRESS_OF = { soft: 1, hard: 2, off: 2, pdu: 3, on: 0 } as const

/** How far up the ladder it came; an effect that was never sent counts, for the rung was tried. */
function statusOf(
  records: readonly JournalRecord[],
  concluded: RecordOf<'concluded'> | undefined,
): ResetStatus {
  if (concluded !== undefined) return concluded.conclusion.fenced ? 'complete' : 'failed'
  let reached = 0
  for (const record of records) {
    if (record.kind === 'intent') reached = Math.max(reached, PROGRESS_OF[record.shot.rung])
  }
  return PROGRESS[reached] ?? 'accepted'
}

/** Folds the records of one restore or test, in any order. Undefined when nothing tells what was asked. */
export function foldOperation(
  unordered: Iterable<JournalRecord>,
  order?: OperationOrder,
): OperationView | undefined {
  const records = inOrder(unordered)
  const started = records.find((record) => record.kind === 'operation')
  const ended = records.findLast((record) => record.kind === 'operation-ended')
  const acted = records.some(({ kind }) => kind !== 'refused')
  const refused = acted ? undefined : records.findLast((record) => record.kind === 'refused')
  const asked = order ? askedBy(order) : started
  if (asked === undefined) return undefined
  const { operation, target, system, test, requestedBy } = asked
  return {
    id: order?.id ?? started?.order ?? '',
    site: order?.site ?? started?.site ?? '',
    operation,
    server: target.server,
    class: target.class ?? 'P',
    system: system?.number ?? null,
    test: test ?? null,
    requestedBy,
    status: ended?.status ?? (refused === undefined ? 'running' : 'failed'),
    code: ended?.code ?? refused?.code ?? null,
    detail: ended?.detail ?? refused?.detail ?? null,
    feeds: ended?.feeds ?? [],
    softResetMs: operation === 'soft-reset-test' ? (softResetTime(records)?.tookMs ?? null) : null,
    startedAt: started?.at ?? null,
    endedAt: ended?.at ?? refused?.at ?? null,
    steps: stepsOf(records.filter((record) => record.kind !== 'refused')),
  }
}

/** An order in the words of its record. */
function askedBy(
  order: OperationOrder,
): Pick<BodyOf<'operation'>, 'operation' | 'target' | 'system' | 'test' | 'requestedBy'> {
  const { kind: operation, target, requestedBy } = order
  return {
    operation,
    target,
    requestedBy,
    ...(order.kind === 'soft-reset-test' ? { system: order.system } : {}),
    ...(order.kind === 'pdu-test' ? { test: order.test } : {}),
  }
}
