// The third voter (spec redundancy.md, "Votes"): "C counts no time".
import { describe, expect, test } from 'vitest'
import {
  blankRow,
  judgeIntent,
  judgeVote,
  type VoteRow,
  withVoters,
} from '../../../core/votes/control-plane.ts'
import type { Ask, GiveBack } from '../../../core/votes/messages.ts'
import { PAIR } from './pair.ts'

const anAsk = (agent: 'a' | 'b', number: number, change: Partial<Ask> = {}): Ask => ({
  type: 'ask',
  preliminary: false,
  agent,
  start: 1,
  number,
  voters: 1,
  known: 0,
  epoch: agent === 'a' ? 1 : 2,
  echo: 0,
  heads: {},
  committed: {},
  starts: {},
  returned: 0,
  ...change,
})

function giveBack(agent: 'a' | 'b', number: number): GiveBack {
  const { preliminary: _, epoch: __, echo: ___, ...envelope } = anAsk(agent, number)
  return { ...envelope, type: 'give-back' }
}

/** The row after all of these, and the last answer. */
function judge(row: VoteRow, ...messages: (Ask | GiveBack)[]) {
  let judged = { row, answer: judgeVote(row, anAsk('a', 0), {}).answer }
  for (const message of messages) judged = judgeVote(judged.row, message, {})
  return judged
}

const heldByA = judge(blankRow(PAIR), anAsk('a', 1)).row

describe('its vote stays given', () => {
  test('however long its holder is silent, when the other has not waited', () => {
    const { answer } = judge(heldByA, anAsk('b', 1), anAsk('b', 2, { ticket: 1, waitedMs: 19_999 }))
    expect(answer).toMatchObject({ granted: false, refusal: 'held', ticket: 1 })
  })

  test('until another has waited 2 D after the first refusal, the holder silent meanwhile', () => {
    const { row, answer } = judge(
      heldByA,
      anAsk('b', 1),
      anAsk('b', 2, { ticket: 1, waitedMs: 20_000 }),
    )
    expect(answer.granted).toBe(true)
    expect(row).toMatchObject({ epoch: 2, holder: { agent: 'b', start: 1 } })
  })

  test('a renewal of the holder makes the other wait anew', () => {
    const { answer } = judge(
      heldByA,
      anAsk('b', 1),
      anAsk('a', 2),
      anAsk('b', 2, { ticket: 1, waitedMs: 20_000 }),
    )
    expect(answer).toMatchObject({ granted: false, refusal: 'held', ticket: 2 })
  })

  test('a wait by an older refusal does not count', () => {
    const { answer } = judge(
      heldByA,
      anAsk('b', 1),
      anAsk('a', 2),
      anAsk('b', 2),
      anAsk('b', 3, { ticket: 1, waitedMs: 20_000 }),
    )
    expect(answer).toMatchObject({ granted: false, refusal: 'held', ticket: 2 })
  })

  test('a wait of an earlier start does not count', () => {
    const waited = { start: 2, ticket: 1, waitedMs: 20_000 }
    const { answer } = judge(heldByA, anAsk('b', 1), anAsk('b', 1, waited))
    expect(answer.granted).toBe(false)
  })

  test('until its holder gives it back', () => {
    const { answer } = judge(heldByA, giveBack('a', 2), anAsk('b', 1))
    expect(answer.granted).toBe(true)
  })

  test('which voids the earlier asks of the holder', () => {
    const { row, answer } = judge(heldByA, giveBack('a', 3), anAsk('a', 2))
    expect(answer).toMatchObject({ granted: false, refusal: 'overtaken', newest: 3 })
    expect(row.holder).toBeUndefined()
  })

  test('a give-back that was overtaken by a later ask gives nothing back', () => {
    const { row } = judge(heldByA, anAsk('a', 3), giveBack('a', 2))
    expect(row.holder).toEqual({ agent: 'a', start: 1 })
  })

  test('a new start of the holder goes on with it, and ends what the old one asked', () => {
    const { row } = judge(heldByA, anAsk('a', 1, { start: 2, epoch: 3 }))
    expect(row.holder).toEqual({ agent: 'a', start: 2 })
    expect(judge(row, anAsk('a', 9)).answer.granted).toBe(false)
  })
})

test('to ask whether it would be given changes nothing', () => {
  const { row, answer } = judge(blankRow(PAIR), anAsk('a', 1, { preliminary: true }))
  expect(answer.granted).toBe(true)
  expect(row).toEqual(blankRow(PAIR))
})

test('nobody gets it for an epoch lower than one that had it', () => {
  const { row } = judge(heldByA, giveBack('a', 2), anAsk('b', 1, { epoch: 4 }), giveBack('b', 2))
  expect(judge(row, anAsk('a', 3, { epoch: 3 })).answer).toMatchObject({
    refusal: 'old-epoch',
    known: 4,
  })
})

test('a candidate must have what is stored here or was told to be in two places', () => {
  const told = judge(heldByA, anAsk('a', 2, { committed: { a: 5 } }), giveBack('a', 3)).row
  expect(judge(told, anAsk('b', 1)).answer).toMatchObject({
    refusal: 'journal-behind',
    committed: { a: 5 },
  })
  const has = anAsk('b', 1, { heads: { a: 5 } })
  expect(judge(told, has).answer.granted).toBe(true)
  expect(judgeVote(told, has, { a: 6 }).answer.refusal).toBe('journal-behind')
})

test('who comes with fewer starts than it remembers is refused', () => {
  const row = judge(heldByA, anAsk('a', 1, { start: 4, starts: { a: 4, b: 3 } })).row
  const { answer } = judge(row, anAsk('b', 1, { start: 2 }))
  expect(answer).toMatchObject({ refusal: 'candidate-rolled-back', starts: { b: 3 } })
})

test('an intent is stored and acknowledged only for who has its vote', () => {
  const intent = { agent: 'a', start: 1, epoch: 1, seq: 8 }
  expect(judgeIntent(heldByA, intent)?.committed).toEqual({ a: 8 })
  expect(judgeIntent(heldByA, { ...intent, start: 2 })).toBeUndefined()
  expect(judgeIntent(heldByA, { ...intent, epoch: 3 })).toBeUndefined()
  expect(judgeIntent(heldByA, { ...intent, agent: 'b' })).toBeUndefined()
})

test('the vote of an agent that was removed is waited out like that of a silent one', () => {
  const next = withVoters(heldByA, { version: 2, A: 'n', B: 'b', before: PAIR })
  expect(judge(next, anAsk('a', 2)).answer.refusal).toBe('voters-differ')
  const { answer } = judge(next, anAsk('b', 1, { voters: 2 }))
  expect(answer.refusal).toBe('held')
})
