// Voters are a versioned part of the site's document, and a single agent is its own quorum.
import { describe, expect, test } from 'vitest'
import { blankRow, withVoters } from '../../../core/votes/control-plane.ts'
import { mayFire } from '../../../core/votes/lease.ts'
import { blankBallot, wakeAt } from '../../../core/votes/state.ts'
import { open, step } from '../../../core/votes/step.ts'
import { isSettled, judgeVotersChange, type Voters } from '../../../core/votes/voters.ts'
import { PAIR, Pair } from './pair.ts'

const ALONE: Voters = { version: 1, A: 'a' }
const FOUNDED: Voters = { version: 2, A: 'a', B: 'b', before: { A: 'a' } }

function openAlone(ballot = blankBallot(ALONE, true), start = 1) {
  return open({ me: 'a', start, ballot, heads: {}, committed: {} }, 0)
}

describe('a single agent', () => {
  test('acts in epoch 1 as soon as that is on the disk, and asks nobody', () => {
    const [state, effects] = openAlone()
    expect(effects).toMatchObject([{ type: 'store', ballot: { epoch: 1, votedFor: 'a' } }])
    const [acting, after] = step(state, { type: 'stored', id: 1 }, 0)
    expect(after).toEqual([{ type: 'act', epoch: 1, basis: 'alone', gap: false }])
    expect(mayFire(acting, { epoch: 1 }, 1e12)).toBe(true)
    expect(wakeAt(acting)).toBe(Number.POSITIVE_INFINITY)
  })

  test('acts on at once in the same epoch when it starts again', () => {
    const ballot = { ...blankBallot(ALONE, true), epoch: 1, votedFor: 'a' }
    const [, effects] = openAlone(ballot, 2)
    expect(effects).toEqual([{ type: 'act', epoch: 1, basis: 'alone', gap: false }])
  })
})

describe('one agent changes at a time', () => {
  test.each([
    ['the second agent joins', FOUNDED, ALONE, undefined],
    ['one is replaced', { version: 2, A: 'a', B: 'n', before: PAIR }, PAIR, undefined],
    ['one leaves', { version: 2, A: 'a', before: PAIR }, PAIR, undefined],
    [
      'both at once',
      { version: 2, A: 'm', B: 'n', before: PAIR },
      PAIR,
      'more-than-one-agent-changes',
    ],
    [
      'an agent changes its seat',
      { version: 2, A: 'b', B: 'n', before: PAIR },
      PAIR,
      'more-than-one-agent-changes',
    ],
    [
      'a version is skipped',
      { version: 3, A: 'a', B: 'n', before: PAIR },
      PAIR,
      'not-the-next-version',
    ],
    [
      'it comes from other voters',
      { version: 2, A: 'a', B: 'n', before: ALONE },
      PAIR,
      'not-the-next-version',
    ],
    ['nobody is left', { version: 2, before: ALONE }, ALONE, 'no-agent'],
    [
      'both seats have one agent',
      { version: 2, A: 'a', B: 'a', before: ALONE },
      ALONE,
      'same-agent-twice',
    ],
  ] as const)('%s', (_, next, held, fault) => {
    expect(judgeVotersChange(held, next)).toBe(fault)
  })

  test('it is settled once two of the old voters have stored it; of a single agent: that one', () => {
    const replaced = { version: 2, A: 'a', B: 'n', before: PAIR }
    expect(isSettled(replaced, { agents: ['a', 'n'], controlPlane: false })).toBe(false)
    expect(isSettled(replaced, { agents: ['a'], controlPlane: true })).toBe(true)
    expect(isSettled(replaced, { agents: ['a', 'b'], controlPlane: false })).toBe(true)
    expect(isSettled(FOUNDED, { agents: ['b'], controlPlane: true })).toBe(false)
    expect(isSettled(FOUNDED, { agents: ['a'], controlPlane: false })).toBe(true)
  })
})

describe('the second agent', () => {
  function founded(): Pair {
    const pair = new Pair(ALONE)
    pair.start('a')
    expect(pair.active).toEqual(['a'])
    pair.agents.b.disk = blankBallot(FOUNDED, false)
    pair.row = withVoters(blankRow(ALONE), FOUNDED)
    return pair
  }

  test('neither votes nor stands before the first has stored the change', () => {
    const pair = founded()
    pair.start('b')
    pair.kill('a')
    pair.pass(60_000)
    expect(pair.active).toEqual([])
  })

  test('and then the two are a pair, without a gap', () => {
    const pair = founded()
    pair.start('b')
    pair.take('a', { type: 'voters', voters: FOUNDED })
    pair.pass(1)
    expect(pair.active).toEqual(['a'])
    const by = { agents: ['a'], controlPlane: false }
    pair.take('b', { type: 'voters-stored', version: 2, by })
    pair.pass(5000)
    expect(pair.active).toEqual(['a'])
    expect(pair.state('a').peerLeaseUntil).toBeGreaterThan(pair.now)
    expect(pair.effects.a.filter((effect) => effect.type === 'act' && effect.gap)).toEqual([])
  })
})

describe('an agent that is replaced', () => {
  const REPLACED: Voters = { version: 2, A: 'a', B: 'n', before: PAIR }

  test('stops, and its vote counts no more', () => {
    const pair = Pair.settled()
    pair.take('a', { type: 'switch-over' })
    pair.pass(1000)
    expect(pair.active).toEqual(['b'])
    pair.take('b', { type: 'voters', voters: REPLACED })
    expect(pair.active).toEqual([])
    pair.take('a', { type: 'voters', voters: REPLACED })
    pair.row = withVoters(pair.row, REPLACED)
    pair.pass(10_000)
    expect(pair.active).toEqual(['a'])
    expect(pair.refusals('b')).toContain('voters-differ')
  })

  test('leaves no promise behind that the new one could break', () => {
    const pair = Pair.settled()
    const until = pair.state('b').promisedUntil
    const next: Voters = { version: 2, A: 'n', B: 'b', before: PAIR }
    pair.take('b', { type: 'voters', voters: next })
    expect(pair.state('b').quietUntil).toBe(until)
  })

  test('the new one is silent for the longest D once the change is settled', () => {
    const ballot = blankBallot(REPLACED, false)
    const [opened] = open({ me: 'n', start: 1, ballot, heads: {}, committed: {} }, 0)
    const by = { agents: ['a'], controlPlane: true }
    const [told] = step(opened, { type: 'voters-stored', version: 2, by }, 5000)
    expect(told.ballot.settled).toBe(true)
    expect(told.quietUntil).toBe(15_000)
  })

  test('who stood down does not store the change: that would be a vote', () => {
    const pair = Pair.settled()
    pair.break('ab')
    pair.take('a', { type: 'switch-over' })
    pair.take('a', { type: 'voters', voters: { version: 2, A: 'n', B: 'b', before: PAIR } })
    expect(pair.agents.a.disk.voters).toEqual(PAIR)
  })
})
