// Lets a ladder that was taken up from a journal run to its end against devices of one mind, in virtual time.
import { type Action, type Input, type Ladder, wakeAt } from '../../core/ladder/ladder.ts'
import { step } from '../../core/ladder/step.ts'
import type { Shot } from '../../core/shot.ts'

/** What every device says whenever it is asked; `silent` says nothing and answers no command. */
export const MINDS = ['on', 'off', 'silent'] as const
export type Mind = (typeof MINDS)[number]

export interface Driven {
  fired: Shot[]
  conclusions: number
  ended: boolean
}

const TURNS_MAX = 5000
const WALL = '2026-01-01T00:00:00.000000Z'

export function drive([taken, first]: [Ladder, Action[]], startedAt: number, mind: Mind): Driven {
  const driven: Driven = { fired: [], conclusions: 0, ended: false }
  let ladder = taken
  let now = startedAt
  const inputs: Input[] = []
  const take = (actions: readonly Action[]) => {
    for (const action of actions) {
      if (action.type === 'fire') driven.fired.push(action.shot)
      if (action.type === 'conclude') driven.conclusions += 1
      if (action.type === 'end') driven.ended = true
      inputs.push(...answers(action, mind, now))
    }
  }
  take(first)
  for (let turn = 0; turn < TURNS_MAX && !driven.ended; turn += 1) {
    const input = inputs.shift()
    if (input === undefined) now = Math.max(now, wakeAt(ladder) ?? now)
    const [next, actions] = step(ladder, input ?? { type: 'tick' }, { ms: now, wall: WALL })
    ladder = next
    now += 1
    take(actions)
  }
  return driven
}

function answers(action: Action, mind: Mind, askedAt: number): Input[] {
  const silent = mind === 'silent'
  switch (action.type) {
    case 'fire': {
      const { id } = action.shot
      return silent ? [] : [{ type: 'answered', shot: id, answer: 'accepted', detail: '' }]
    }
    case 'look-at-power': {
      const session = { session: 1, sessionOpenedAt: askedAt - 60_000, identity: 'proven' } as const
      const look = { value: mind, askedAt, readAt: WALL, ...session, detail: '' }
      return [{ type: 'power', look }]
    }
    case 'look-at-outlets': {
      const { pdu } = action
      const outlets = silent
        ? undefined
        : action.outlets.map((outlet) => ({ outlet, value: mind, raw: mind }))
      return [{ type: 'outlets', look: { pdu, askedAt, readAt: WALL, outlets, detail: 'silent' } }]
    }
    case 'probe':
      return [{ type: 'probed', answered: mind === 'on' }]
    case 'conclude':
      return [{ type: 'recorded' }]
    default:
      return []
  }
}
