// A ladder taken up from its journal (spec redundancy.md, "Journal replication and takeover"): it looks
// first, gives no soft or hard reset a second time and completes on nothing that it cannot know.
import { describe, expect, test } from 'vitest'
import type { Action, Ladder } from '../../core/ladder/ladder.ts'
import { type HistoryEntry, resume, resumeRestore } from '../../core/ladder/resume.ts'
import { blankLadder, step } from '../../core/ladder/step.ts'
import type { Conclusion } from '../../core/outcome.ts'
import type { Plan } from '../../core/plan.ts'
import type { Rung, Shot } from '../../core/shot.ts'
import { wallOf } from './machine-room.ts'
import { PLAN } from './scene.ts'

const AT = { ms: 10_000, wall: wallOf(10_000) }
const mono = (ms: number, bootId = 'boot') => ({ bootId, ms })

function accepted(
  plan: Partial<Plan> = {},
  known: { recentNotice?: boolean; loose?: boolean } = {},
) {
  const entry = { kind: 'accepted', order: 'rst_1', plan: { ...PLAN, ...plan }, mono: mono(9000) }
  return { ...entry, ...known } as Extract<HistoryEntry, { kind: 'accepted' }>
}

function intent(id: number, rung: Rung, action: Shot['action'], pdu?: string, ms = 9100) {
  const device = pdu === undefined ? { kind: 'bmc' } : { kind: 'outlet', pdu, outlet: 3 }
  return { kind: 'intent', shot: { id, rung, device, action } as Shot, mono: mono(ms) } as const
}

const answer = (shot: number, said: 'accepted' | 'refused' | 'lost' | 'unreachable') =>
  ({ kind: 'answer', shot, answer: said, detail: '', mono: mono(9200) }) as const
const noticed: HistoryEntry = { kind: 'noticed', address: '192.168.0.101', mono: mono(9300) }
const poff: Conclusion = { result: 'POFF', fenced: true, grade: 'confirmed', evidence: [] }
const concluded = { kind: 'concluded', conclusion: poff, mono: mono(9500) } as const

function goOn(...history: HistoryEntry[]): [Ladder, Action[]] {
  const resumed = resume(history, 'boot', AT)
  if (!resumed) throw new Error('nothing to go on with')
  return resumed
}

const fired = (actions: Action[]) =>
  actions.flatMap((action) => (action.type === 'fire' ? [action.shot] : []))
const names = (actions: Action[]) =>
  actions.map((action) =>
    action.type === 'fire'
      ? `${action.shot.action} ${action.shot.device.kind === 'bmc' ? 'bmc' : action.shot.device.pdu}`
      : action.type,
  )

describe('what the journal says of acceptance', () => {
  test('nothing was intended: the first rung', () => {
    expect(names(goOn(accepted())[1])).toEqual(['nmi bmc'])
  })

  test('a dump was under way: still no interrupt, and hard at the time counted from acceptance', () => {
    const [ladder, actions] = goOn(accepted({}, { recentNotice: true }))
    expect(actions).toEqual([])
    expect(ladder.phase).toEqual({ name: 'soft', hardAt: 11_500 })
  })

  test('an earlier effect was loose: still only power off', () => {
    expect(names(goOn(accepted({}, { loose: true }))[1])).toEqual(['off bmc'])
  })

  test('an ended order and a history without acceptance give nothing', () => {
    expect(resume([accepted(), { kind: 'ended' }], 'boot', AT)).toBeUndefined()
    expect(resume([], 'boot', AT)).toBeUndefined()
    expect(resume([intent(1, 'soft', 'nmi')], 'boot', AT)).toBeUndefined()
  })
})

describe('soft', () => {
  const soft = intent(1, 'soft', 'nmi')

  test.each([[[]], [[answer(1, 'accepted')]], [[answer(1, 'lost')]]])(
    'sent, %j: waits for the rest of its time and sends nothing',
    (answers) => {
      const [ladder, actions] = goOn(accepted(), soft, ...answers)
      expect(actions).toEqual([])
      expect(ladder.phase).toEqual({ name: 'soft', hardAt: 11_600 })
    },
  )

  test.each(['refused', 'unreachable'] as const)('%s: hard at once', (said) => {
    expect(names(goOn(accepted(), soft, answer(1, said))[1])).toEqual(['reset bmc'])
  })

  test('sent in an earlier boot: its time counts from now', () => {
    const earlier = { ...soft, mono: mono(9_999_999, 'earlier') }
    const [ladder] = goOn(accepted(), earlier)
    expect(ladder.phase).toEqual({ name: 'soft', hardAt: 12_500 })
  })

  test('mode soft and refused: FAIL, no further rung', () => {
    const [ladder, actions] = goOn(accepted({ mode: 'soft' }), soft, answer(1, 'refused'))
    expect(names(actions)).toEqual(['conclude'])
    expect(ladder.conclusion).toMatchObject({ result: 'FAIL', fenced: false })
  })
})

describe('a notice that was heard before the crash', () => {
  test.each([
    ['before anything was sent', []],
    ['after the interrupt', [intent(1, 'soft', 'nmi')]],
    [
      'after a hard reset without an answer',
      [intent(1, 'soft', 'nmi'), intent(2, 'hard', 'reset')],
    ],
  ])('%s is a DUMP, with its evidence', (_, shots) => {
    const [ladder, actions] = goOn(accepted(), ...shots, noticed)
    expect(names(actions)).toEqual(['conclude'])
    expect(ladder.conclusion).toMatchObject({ result: 'DUMP', grade: 'acknowledged' })
    expect(ladder.conclusion?.evidence[0]).toMatchObject({
      source: 'system:10001',
      said: 'stop notice from 192.168.0.101',
    })
  })

  test('completes nothing where confirmed is required, but spares the dump', () => {
    const plan = { requireGrade: 'confirmed', hardMethod: 'off-on' } as const
    expect(goOn(accepted(plan), noticed)[1]).toEqual([])
  })
})

describe('hard', () => {
  const hard = intent(2, 'hard', 'reset')

  test('accepted before the crash: REBOOT', () => {
    const [ladder] = goOn(accepted(), hard, answer(2, 'accepted'))
    expect(ladder.conclusion).toMatchObject({ result: 'REBOOT', grade: 'acknowledged' })
  })

  test.each([[[]], [[answer(2, 'lost')]]])(
    'without an answer (%j): looks, never resets again',
    (a) => {
      const [ladder, actions] = goOn(accepted(), hard, ...a)
      expect(names(actions)).toEqual(['look-at-power'])
      expect(ladder.phase).toMatchObject({ name: 'hard', until: 14_100 })
    },
  )

  test('a BMC that answers a later question makes it unknown: off, read off', () => {
    let [ladder] = goOn(accepted({ feeds: [] }), hard)
    const look = {
      value: 'on',
      askedAt: 10_001,
      readAt: wallOf(10_002),
      session: 9,
      sessionOpenedAt: 9990,
      identity: 'proven',
      detail: '',
    } as const
    ;[ladder] = step(ladder, { type: 'power', look }, { ms: 10_002, wall: wallOf(10_002) })
    const [, actions] = step(ladder, { type: 'tick' }, { ms: 10_252, wall: wallOf(10_252) })
    expect(names(actions)).toEqual(['off bmc'])
  })

  test.each(['refused', 'unreachable'] as const)('%s: the feeds at once', (said) => {
    const names_ = names(goOn(accepted(), hard, answer(2, said))[1])
    expect(names_.slice(0, 2)).toEqual(['off a', 'off b'])
  })
})

describe('feeds', () => {
  test('one intent of two was written: the other feed is cut now, the first is looked at', () => {
    const [, actions] = goOn(accepted(), intent(3, 'pdu', 'off', 'a'))
    expect(names(actions)).toEqual(['off b', 'look-at-outlets', 'look-at-outlets'])
  })

  test('a late word of the device replaces our giving up, never an earlier word of its own', () => {
    const shots = [intent(2, 'hard', 'reset'), answer(2, 'lost'), answer(2, 'accepted')]
    expect(goOn(accepted(), ...shots)[0].conclusion?.result).toBe('REBOOT')
    const other = [intent(2, 'hard', 'reset'), answer(2, 'refused'), answer(2, 'accepted')]
    expect(goOn(accepted(), ...other)[0].conclusion).toBeUndefined()
  })
})

test('power off by the BMC that was tried before the crash is not tried again', () => {
  const off = [intent(1, 'off', 'off'), answer(1, 'accepted')]
  const [ladder] = goOn(
    accepted(),
    ...off,
    intent(2, 'pdu', 'off', 'a'),
    intent(3, 'pdu', 'off', 'b'),
  )
  expect(ladder).toMatchObject({ phase: { name: 'pdu' }, offTried: true })
})

describe('shot numbers', () => {
  test('go on after the highest in the journal, whatever gaps a crash left', () => {
    const [, actions] = goOn(accepted(), intent(4, 'soft', 'nmi'), answer(4, 'refused'))
    expect(fired(actions).map(({ id }) => id)).toEqual([5])
  })

  test('an intent that was written twice is one shot, sent after the later writing', () => {
    const twice = [intent(1, 'soft', 'nmi'), intent(1, 'soft', 'nmi', undefined, 9400)]
    const [ladder] = goOn(accepted(), ...twice)
    expect(ladder.shots).toHaveLength(1)
    expect(ladder.phase).toEqual({ name: 'soft', hardAt: 11_900 })
  })

  test('intents that were written out of order leave the highest as the last rung', () => {
    const shots = [intent(4, 'pdu', 'off', 'b'), intent(3, 'pdu', 'off', 'a')]
    const [ladder, actions] = goOn(accepted(), intent(2, 'hard', 'reset'), ...shots)
    expect(ladder.phase.name).toBe('pdu')
    expect(names(actions)).toEqual(['look-at-outlets', 'look-at-outlets'])
    expect(ladder.shots.map(({ id }) => id)).toEqual([2, 3, 4])
  })
})

describe('after the conclusion', () => {
  const cut = [intent(1, 'pdu', 'off', 'a'), intent(2, 'pdu', 'off', 'b')]
  const recovery = (value: 'waiting' | 'held' | 'partial', bootId = 'boot') =>
    ({ kind: 'recovery', recovery: value, mono: mono(9600, bootId) }) as const

  test('it is not concluded again, and the wait begins', () => {
    const [ladder, actions] = goOn(accepted(), ...cut, concluded)
    expect(names(actions)).toEqual(['recover'])
    expect(ladder.phase).toEqual({ name: 'waiting', onAt: 20_000 })
  })

  test('a wait under way goes on by its own clock, in another boot anew', () => {
    const [ladder] = goOn(accepted(), ...cut, concluded, recovery('waiting'))
    expect(ladder.phase).toEqual({ name: 'waiting', onAt: 19_600 })
    const [anew] = goOn(accepted(), ...cut, concluded, recovery('waiting', 'earlier'))
    expect(anew.phase).toEqual({ name: 'waiting', onAt: 20_000 })
  })

  test.each(['held', 'partial'] as const)('recovery %s was recorded: it ends', (value) => {
    expect(names(goOn(accepted(), ...cut, concluded, recovery(value))[1])).toEqual(['end'])
  })

  test('one of two feeds got its on: the other gets it now, no feed twice', () => {
    const history = [...cut, concluded, recovery('waiting'), intent(3, 'on', 'on', 'a')]
    const [, actions] = goOn(accepted(), ...history)
    expect(names(actions)).toEqual(['on b', 'look-at-outlets', 'look-at-outlets'])
  })

  test('power off by the BMC was concluded: power comes back', () => {
    const off = [intent(1, 'off', 'off'), answer(1, 'accepted')]
    expect(names(goOn(accepted(), ...off, concluded)[1])).toEqual(['on bmc'])
  })
})

describe('a restore', () => {
  const restore = (...history: HistoryEntry[]) =>
    resumeRestore(blankLadder('opr_1', PLAN, 9000), history, 'boot', AT)

  test('a feed that got its on is looked at, and the other gets it now', () => {
    expect(names(restore(intent(1, 'on', 'on', 'a'))[1])).toEqual([
      'on b',
      'look-at-outlets',
      'look-at-outlets',
    ])
  })

  test('an answered on is not given again, and no shot id comes twice', () => {
    const [ladder, actions] = restore(
      intent(1, 'on', 'on', 'a'),
      intent(2, 'on', 'on', 'b'),
      answer(1, 'accepted'),
    )
    expect(names(actions)).toEqual(['look-at-outlets', 'look-at-outlets'])
    const read = (pdu: string, value: 'on' | 'off') => {
      const outlets = [{ outlet: 3, value, raw: '1' }]
      const look = { pdu, askedAt: 11_000, readAt: wallOf(11_000), outlets, detail: '' }
      return { type: 'outlets', look } as const
    }
    const [half] = step(ladder, read('a', 'on'), { ms: 11_001, wall: wallOf(11_001) })
    const [, again] = step(half, read('b', 'off'), { ms: 11_002, wall: wallOf(11_002) })
    expect(fired(again)).toEqual([
      { id: 3, rung: 'on', device: { kind: 'outlet', pdu: 'b', outlet: 3 }, action: 'on' },
    ])
  })
})
