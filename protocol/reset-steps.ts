// The steps of a reset or operation as people and scripts see them (spec api.md, `steps`), made from
// records. The text form of the same events is `resetlog.ts`.
import type { Result } from '../core/outcome.ts'
import type { Shot, ShotAnswer } from '../core/shot.ts'
import type { JournalRecord, RecordOf } from './report.ts'

export type StepKind = 'RM-RESET' | 'SOFTRESET' | 'HARDRESET' | 'ATTENTION' | 'IPDUSD'

export interface StepDetail {
  pdu?: string
  outlet?: number
  switch?: 'OFF' | 'ON'
  /** Of a HARDRESET: a chassis reset, or power off and on. */
  action?: 'reset' | 'off' | 'on'
  /** What was answered or announced. */
  state?: Result | null
  address?: string
  port?: number
  /** Of the system that stopped; null for a system that was told. */
  number?: number | null
  /** Why not: what the device refused, or why nothing was sent. */
  error: string | null
}

export interface Step {
  /** Counts from 1 within the reset. */
  seq: number
  kind: StepKind
  direction: 'SEND' | 'RECV'
  at: string
  agent: string
  detail: StepDetail
}

/** What became of one effect, from all records of its order. */
export interface ShotTold {
  shot: Shot
  /** The last of its intents: one that grew stale was written again and sent nothing. */
  intent: JournalRecord
  answer?: { said: ShotAnswer; detail: string }
}

/** Steps of one order, from its records as `inOrder` gives them. */
export function stepsOf(records: readonly JournalRecord[]): Step[] {
  const shots = shotsOf(records)
  const accepted = records.find((record) => record.kind === 'accepted')
  return records
    .flatMap((record) => stepsOfRecord(record, shots, accepted))
    .map((step, index) => ({ seq: index + 1, ...step }))
}

export function shotsOf(records: readonly JournalRecord[]): Map<number, ShotTold> {
  const shots = new Map<number, ShotTold>()
  for (const record of records) {
    if (record.kind === 'intent') {
      shots.set(record.shot.id, { ...shots.get(record.shot.id), shot: record.shot, intent: record })
    } else if (record.kind === 'answer') {
      const told = shots.get(record.shot)
      if (told !== undefined) told.answer = { said: record.answer, detail: record.detail }
    }
  }
  return shots
}

/** The ancestor's word for an effect. */
export function stepKindOf(shot: Shot): StepKind {
  if (shot.device.kind === 'outlet') return 'IPDUSD'
  return shot.action === 'nmi' ? 'SOFTRESET' : 'HARDRESET'
}

type Unnumbered = Omit<Step, 'seq'>

function stepsOfRecord(
  record: JournalRecord,
  shots: ReadonlyMap<number, ShotTold>,
  accepted: RecordOf<'accepted'> | undefined,
): Unnumbered[] {
  const step = (kind: StepKind, direction: Step['direction'], detail: StepDetail) => ({
    kind,
    direction,
    at: record.at,
    agent: record.agent,
    detail,
  })
  switch (record.kind) {
    case 'accepted':
      return record === accepted ? [step('RM-RESET', 'RECV', { error: null })] : []
    case 'refused':
      if (accepted !== undefined) return []
      return [
        step('RM-RESET', 'RECV', { error: null }),
        step('RM-RESET', 'SEND', { state: record.result, error: record.detail }),
      ]
    case 'intent':
      if (record !== shots.get(record.shot.id)?.intent) return []
      return [step(stepKindOf(record.shot), 'SEND', sentDetail(record.shot, shots))]
    case 'answer': {
      const told = shots.get(record.shot)
      // Silence is not an answer: a lost reply shows in the evidence, never as something received.
      if (told === undefined || !wasAnswered(record.answer)) return []
      const error = record.answer === 'refused' ? record.detail : null
      return [step(stepKindOf(told.shot), 'RECV', { ...shotDetail(told.shot), error })]
    }
    case 'noticed': {
      const { address, port, system } = record
      const detail = { state: 'DUMP' as const, address, port, number: system.number, error: null }
      return [step('ATTENTION', 'RECV', detail)]
    }
    case 'concluded': {
      const { result, fenced, detail } = record.conclusion
      const error = fenced ? null : (detail ?? null)
      return [step('RM-RESET', 'SEND', { state: result, error })]
    }
    default:
      return []
  }
}

export function wasAnswered(answer: ShotAnswer): boolean {
  return answer === 'accepted' || answer === 'refused'
}

/** An intent is journalled first; when there turned out to be no way to the device, the step says so. */
function sentDetail(shot: Shot, shots: ReadonlyMap<number, ShotTold>): StepDetail {
  const answer = shots.get(shot.id)?.answer
  const error = answer?.said === 'unreachable' ? `not sent: ${answer.detail}` : null
  return { ...shotDetail(shot), error }
}

function shotDetail(shot: Shot): StepDetail {
  if (shot.device.kind === 'outlet') {
    const { pdu, outlet } = shot.device
    return { pdu, outlet, switch: shot.action === 'on' ? 'ON' : 'OFF', error: null }
  }
  return shot.action === 'nmi' ? { error: null } : { action: shot.action, error: null }
}
