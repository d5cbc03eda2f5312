// The soft-reset test of one system (spec domain.md §9): one diagnostic interrupt, then its stop notice is
// waited for. It really stops the system, and never goes harder.
import type { Course, Move } from '../course.ts'
import type { Action, Input, Moment } from '../ladder/ladder.ts'
import { takeAnswer } from '../ladder/turn.ts'
import type { OperationEnding } from '../operation.ts'
import type { Shot, ShotState } from '../shot.ts'

export const NOTICE_WITHIN_MS = 60_000

const NMI: Shot = { id: 1, rung: 'soft', device: { kind: 'bmc' }, action: 'nmi' }

interface SoftResetTest {
  order: string
  server: string
  shot: ShotState
  until: number
  ended: boolean
}

export function openSoftResetTest(order: string, server: string, at: Moment): Move {
  const shot = { ...NMI, intendedAt: at.ms }
  const test = { order, server, shot, until: at.ms + NOTICE_WITHIN_MS, ended: false }
  return courseOf(test, [{ type: 'fire', shot: NMI }])
}

/** After a restart of the agent: whether the notice came in between is not known, and nothing is sent again. */
export function resumeSoftResetTest(order: string, server: string, at: Moment): Move {
  const [course] = openSoftResetTest(order, server, at)
  const detail = 'the agent was started anew during the test: the interrupt may have been sent'
  return course.step({ type: 'abort', detail, restore: false }, at)
}

function courseOf(test: SoftResetTest, actions: Action[]): Move {
  const course: Course = {
    kind: 'soft-reset-test',
    order: test.order,
    server: test.server,
    leftOff: [],
    stops: true,
    wakeAt: test.ended ? undefined : test.until,
    wants: (shot) => !test.ended && shot === test.shot.id && test.shot.answer === undefined,
    step: (input, at) => (test.ended ? courseOf(test, []) : take(test, input, at)),
  }
  return [course, actions]
}

function take(test: SoftResetTest, input: Input, at: Moment): Move {
  switch (input.type) {
    case 'answered': {
      const shot = { ...test.shot }
      if (input.shot !== shot.id || !takeAnswer(shot, input.answer, input.detail)) break
      const next = { ...test, shot }
      if (input.answer !== 'refused' && input.answer !== 'unreachable') return courseOf(next, [])
      const detail = `the diagnostic interrupt was ${input.answer}: ${input.detail}`
      return finish(next, { status: 'failed', code: `soft-reset-${input.answer}`, detail })
    }
    case 'notice': {
      const tookMs = Math.round(at.ms - test.shot.intendedAt)
      const detail = `stop notice from ${input.address} after ${tookMs} ms`
      return finish(test, { status: 'done', detail })
    }
    case 'abort':
      return finish(test, { status: 'aborted', detail: input.detail })
    case 'tick': {
      if (at.ms < test.until) break
      const detail = `no stop notice within ${NOTICE_WITHIN_MS / 1000} s of the diagnostic interrupt`
      return finish(test, { status: 'failed', code: 'no-stop-notice', detail })
    }
  }
  return courseOf(test, [])
}

function finish(test: SoftResetTest, ending: OperationEnding): Move {
  return courseOf({ ...test, ended: true }, [{ type: 'finish', ending }, { type: 'end' }])
}
