// One act under way on one server, as its executor sees it: a reset's ladder, a restore or a test. A course
// is a value: `step` gives the next one and what it asks for, and leaves this one as it was.
import { type Action, type Input, type Ladder, type Moment, wakeAt } from './ladder/ladder.ts'
import { step } from './ladder/step.ts'
import { end, turnOf } from './ladder/turn.ts'
import { stillWants } from './ladder/wanted.ts'
import type { OperationKind, Outlet } from './operation.ts'

export interface Course {
  readonly kind: 'reset' | OperationKind
  readonly order: string
  readonly server: string
  /** Of a reset. */
  readonly ladder?: Ladder
  /** Feeds that it switched off and has not read on again. */
  readonly leftOff: readonly Outlet[]
  /** Whether what it switches off stops the server: false where other feeds carry it on. */
  readonly stops: boolean
  /** The earliest monotonic ms at which `tick` may change anything; undefined when only inputs can. */
  readonly wakeAt: number | undefined
  /** True while this shot is still to be sent. */
  wants(shot: number): boolean
  step(input: Input, at: Moment): Move
}

export type Move = [Course, Action[]]

export function resetCourse([ladder, actions]: [Ladder, Action[]]): Move {
  const course: Course = {
    kind: 'reset',
    ...ofLadder(ladder),
    ladder,
    stops: true,
    step: (input, at) => resetCourse(step(ladder, input, at)),
  }
  return [course, actions]
}

/** A restore is the last part of a ladder alone: it ends with its recovery. */
export function restoreCourse([ladder, actions]: [Ladder, Action[]]): Move {
  const course: Course = {
    kind: 'restore',
    ...ofLadder(ladder),
    stops: false,
    step(input, at) {
      if (input.type !== 'abort') return restoreCourse(step(ladder, input, at))
      const turn = turnOf(ladder, at)
      turn.actions.push({ type: 'finish', ending: { status: 'aborted', detail: input.detail } })
      end(turn)
      return restoreCourse([turn.ladder, turn.actions])
    },
  }
  return [course, actions.map(asEnding)]
}

function ofLadder(ladder: Ladder) {
  return {
    order: ladder.order,
    server: ladder.plan.server,
    leftOff: [],
    wakeAt: wakeAt(ladder),
    wants: (shot: number) => stillWants(ladder, shot),
  }
}

function asEnding(action: Action): Action {
  if (action.type !== 'recover') return action
  const { recovery, detail } = action
  return {
    type: 'finish',
    ending: { status: recovery === 'restored' ? 'done' : 'failed', detail },
  }
}
