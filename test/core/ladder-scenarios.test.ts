// Golden scenarios of the reset ladder (spec domain.md §3): result, evidence, effects and their times.
import { describe, expect, test } from 'vitest'
import { wallOf } from './machine-room.ts'
import { FOR_EVER, play, SILENT, setUp } from './scene.ts'

const CUT_AND_BACK = ['7500 off a/3', '7500 off b/3', '21910 on a/3', '21910 on b/3']
const said = (run: ReturnType<typeof play>) =>
  run.conclusion?.evidence.map((each) => `${each.source} ${each.said}`)

describe('soft', () => {
  test('a stop notice in time completes as DUMP and nothing else is sent', () => {
    const run = play({ room: { kdumpMs: 1500 } })
    expect(run.effects).toEqual(['0 nmi'])
    expect(run.conclusions).toEqual([
      {
        at: 1510,
        conclusion: {
          result: 'DUMP',
          fenced: true,
          grade: 'acknowledged',
          evidence: [
            {
              source: 'system:10001',
              said: 'stop notice from 192.168.0.101',
              at: wallOf(1510),
            },
          ],
        },
      },
    ])
    expect(run.recoveries).toEqual([])
  })

  test('without a notice the hard reset leaves exactly hardResetAfterMs after the soft request', () => {
    const run = play({ bmc: { latencyMs: 700 } })
    expect(run.effects).toEqual(['0 nmi', '2500 reset'])
    expect(run.conclusion).toMatchObject({ result: 'REBOOT', fenced: true, grade: 'acknowledged' })
    expect(run.recordedAt).toBe(3900)
  })

  test('a lost reply to the interrupt is no refusal: the timer decides', () => {
    const run = play({ bmc: { fates: { nmi: ['reply-lost'] }, givesUpMs: 500 } })
    expect(run.effects).toEqual(['0 nmi', '2500 reset'])
  })

  test('a refused interrupt leads to the hard reset at once', () => {
    const run = play({ bmc: { fates: { nmi: ['refuses'] } } })
    expect(run.effects).toEqual(['0 nmi', '20 reset'])
    expect(run.conclusion).toMatchObject({ result: 'REBOOT', fenced: true, grade: 'acknowledged' })
    expect(said(run)?.[0]).toBe('bmc:PSERVER1 diagnostic interrupt refused: c0h')
  })

  test('softMethod none goes to the hard reset at once', () => {
    const run = play({ plan: { softMethod: 'none' } })
    expect(run.effects).toEqual(['0 reset'])
  })

  test('a notice heard just before the request spares the dump: no interrupt, hard at its time', () => {
    const run = play({ circumstances: { recentNotice: true } })
    expect(run.effects).toEqual(['2500 reset'])
  })

  test('a notice heard just before the request and again in time is a DUMP without a shot', () => {
    const run = setUp({ circumstances: { recentNotice: true }, room: { dumping: true } })
    run.time.after(1000, () => run.give({ type: 'notice', address: '192.168.0.101' }))
    run.run()
    expect(run.effects).toEqual([])
    expect(run.conclusion).toMatchObject({ result: 'DUMP', fenced: true, grade: 'acknowledged' })
  })

  test('a fresh notice answers the request: DUMP without a shot', () => {
    const freshNotice = { address: '192.168.0.101', wall: wallOf(-2000) }
    const run = play({ circumstances: { freshNotice }, room: { dumping: true } })
    expect(run.effects).toEqual([])
    expect(run.conclusion).toMatchObject({ result: 'DUMP', fenced: true, grade: 'acknowledged' })
    expect(run.conclusion?.evidence).toEqual([
      { source: 'system:10001', said: 'stop notice from 192.168.0.101', at: wallOf(-2000) },
    ])
  })

  test('where confirmed is required a fresh notice completes nothing, but its dump is spared', () => {
    const freshNotice = { address: '192.168.0.101', wall: wallOf(-2000) }
    const plan = { requireGrade: 'confirmed', hardMethod: 'off-on' } as const
    const run = play({ plan, circumstances: { freshNotice }, room: { dumping: true } })
    expect(run.effects).toEqual(['2500 off', '2810 on'])
    expect(run.conclusion).toMatchObject({ result: 'POFF', grade: 'confirmed' })
  })

  test('a flood of notices does not grow the evidence', () => {
    const run = setUp({ plan: { requireGrade: 'confirmed', hardMethod: 'off-on' } })
    for (let ms = 100; ms < 2000; ms += 1) {
      run.time.after(ms, () => run.give({ type: 'notice', address: '192.168.0.101' }))
    }
    run.run()
    expect(said(run)?.filter((each) => each.includes('stop notice'))).toHaveLength(1)
  })
})

describe('hard', () => {
  test('a notice after HARD completes as DUMP while the BMC has not answered', () => {
    const run = play({ bmc: { fates: { reset: ['request-lost'] } }, room: { kdumpMs: 2600 } })
    expect(run.effects).toEqual(['0 nmi', '2500 reset'])
    expect(run.conclusion).toMatchObject({ result: 'DUMP', fenced: true })
    expect(run.recordedAt).toBe(2610)
  })

  test('no way to the BMC: hard at once, feeds at once', () => {
    const run = play({ bmc: { unreachable: true } })
    expect(run.effects).toEqual(['0 off a/3', '0 off b/3', '14410 on a/3', '14410 on b/3'])
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
  })

  test('a refused hard reset leads to the feeds at once', () => {
    const run = play({ bmc: { fates: { reset: ['refuses'] } } })
    expect(run.effects.slice(0, 4)).toEqual(['0 nmi', '2500 reset', '2520 off a/3', '2520 off b/3'])
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
  })

  test('an answer that trails a later one by a moment is still the answer', () => {
    const run = setUp({ bmc: { fates: { reset: ['reply-lost'] } } })
    const late = { type: 'answered', shot: 2, answer: 'accepted', detail: 'late' } as const
    run.time.after(3700, () => run.give(late))
    run.run()
    expect(run.effects).toEqual(['0 nmi', '2500 reset'])
    expect(run.conclusion).toMatchObject({ result: 'REBOOT', grade: 'acknowledged' })
  })

  test.each(['reply-lost', 'request-lost'] as const)(
    'a hard reset (%s) whose BMC lives is unknown: off, read off, on, never a second reset',
    (fate) => {
      const run = play({ bmc: { fates: { reset: [fate] } } })
      expect(run.effects).toEqual(['0 nmi', '2500 reset', '3770 off', '4080 on'])
      expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
      expect(said(run)).toEqual([
        'bmc:PSERVER1 answers again, but not to the hard reset: its outcome is unknown',
        'bmc:PSERVER1 power off accepted: c0h',
        'bmc:PSERVER1 power read off',
      ])
      expect(run.recoveries).toEqual(['restored'])
    },
  )

  test('an acceptance that comes after the rung was left changes nothing that was begun', () => {
    const run = setUp({ bmc: SILENT })
    const late = { type: 'answered', shot: 2, answer: 'accepted', detail: 'late' } as const
    run.time.after(7600, () => run.give(late))
    run.run()
    expect(run.conclusions).toHaveLength(1)
    expect(run.effects).toEqual(['0 nmi', '2500 reset', ...CUT_AND_BACK])
  })

  test('an acceptance that comes late completes when nothing later can be proven', () => {
    const run = setUp({ bmc: SILENT, outlets: [{}, { reads: 'silent' }] })
    const late = { type: 'answered', shot: 2, answer: 'accepted', detail: 'late' } as const
    run.time.after(9000, () => run.give(late))
    run.run()
    expect(run.conclusion).toMatchObject({ result: 'REBOOT', fenced: true, grade: 'acknowledged' })
    expect(run.conclusion?.detail).toContain('not every feed was read off')
    expect(run.recoveries).toEqual(['held'])
  })

  test('answers that come twice conclude once', () => {
    const run = play({ bmc: { repeatsAfterMs: 5 } })
    expect(run.effects).toEqual(['0 nmi', '2500 reset'])
    expect(run.conclusions).toHaveLength(1)
  })

  test('the first word counts: a repeated answer of another kind is not believed', () => {
    const run = setUp({ bmc: { fates: { reset: ['refuses'] } }, plan: { feeds: [] } })
    const other = { type: 'answered', shot: 2, answer: 'accepted', detail: 'forged' } as const
    run.time.after(2530, () => run.give(other))
    run.run()
    expect(run.conclusion?.result).toBe('POFF')
  })

  test('an earlier effect still loose: power off only, no interrupt and no reset', () => {
    const run = play({
      circumstances: { loose: true },
      room: { queued: [{ at: 50, action: 'reset' }] },
    })
    expect(run.effects).toEqual(['0 off', '310 on'])
    expect(run.conclusion).toMatchObject({ result: 'POFF', grade: 'confirmed' })
  })

  test('hardMethod off-on reads off before it tells, and tells before it switches on', () => {
    const run = play({ plan: { hardMethod: 'off-on' }, writeMs: 7 })
    expect(run.effects).toEqual(['7 nmi', '2507 off', '2831 on'])
    expect(run.recordedAt).toBe(2824)
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(run.recoveries).toEqual(['restored'])
  })

  test.each([
    ['asked before the power off', 'off', 2499],
    ['that says neither on nor off', 'unknown', 2550],
    ['that found silence', 'silent', 2550],
  ] as const)('a look %s proves nothing about it', (_, value, askedAt) => {
    const run = setUp({ plan: { hardMethod: 'off-on', feeds: [] }, bmc: SILENT })
    const look = {
      value,
      askedAt,
      readAt: wallOf(2599),
      session: 1,
      sessionOpenedAt: -60_000,
      identity: 'proven' as const,
      detail: '',
    }
    run.time.after(2600, () => run.give({ type: 'power', look }))
    run.run()
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false, grade: 'unknown' })
  })

  test.each([
    ['', 200],
    [' and the BMC is slow', 600],
  ])(
    'off of a young session is waited for, even if read before its acceptance came%s',
    (_, latencyMs) => {
      const run = setUp({
        plan: { hardMethod: 'off-on', feeds: [] },
        bmc: { latencyMs, sessionOpenedAt: 0 },
        circumstances: { onSession: 99 },
      })
      const look = {
        value: 'off' as const,
        askedAt: 2550,
        readAt: wallOf(2600),
        session: 1,
        sessionOpenedAt: 0,
        identity: 'proven' as const,
        detail: '',
      }
      run.time.after(2600, () => run.give({ type: 'power', look }))
      run.run()
      expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
      expect(run.recordedAt).toBeGreaterThanOrEqual(30_000)
      expect(run.effects.map((effect) => effect.split(' ')[1])).toEqual(['nmi', 'off', 'on'])
    },
  )

  test('a machine of another identity that reads off proves nothing', () => {
    const run = play({
      plan: { hardMethod: 'off-on', feeds: [] },
      bmc: { identity: 'mismatch', fates: { off: ['does'] } },
    })
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false })
  })

  test('"on" refused after a forced off is given again, ten seconds apart', () => {
    const fates = { on: ['refuses', 'refuses', 'does'] } as const
    const run = play({
      plan: { hardMethod: 'off-on' },
      bmc: { fates: { on: [...fates.on] } },
    })
    expect(run.effects.slice(2)).toEqual(['2810 on', '12810 on', '22810 on'])
    expect(run.recoveries).toEqual(['restored'])
  })

  test('an unanswered "on" is not sent again into silence', () => {
    const run = play({
      plan: { hardMethod: 'off-on' },
      bmc: { frozen: [{ from: 2805, until: FOR_EVER, keeps: true }] },
    })
    expect(run.effects.slice(2)).toEqual(['2810 on'])
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true })
    expect(run.recoveries).toEqual(['failed'])
    expect(run.alarms).toEqual(['power-not-restored'])
  })
})

describe('accepts and does nothing', () => {
  const plan = { requireGrade: 'confirmed', hardMethod: 'off-on' } as const
  const fates = { off: ['pretends' as const] }

  test('where confirmed is required it is caught, and the feeds are cut', () => {
    const run = play({ plan, bmc: { fates } })
    expect(run.effects).toEqual([
      '0 nmi',
      '2500 off',
      '12520 off a/3',
      '12520 off b/3',
      '26930 on a/3',
      '26930 on b/3',
    ])
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
  })

  test('where confirmed is required and PDU control is off it is caught: FAIL', () => {
    const run = play({ plan: { ...plan, feeds: [] }, bmc: { fates } })
    expect(run.effects).toEqual(['0 nmi', '2500 off'])
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false, grade: 'failed' })
  })

  test('a plan that asks for confirmed never completes on an acknowledged reset', () => {
    const run = play({ plan: { requireGrade: 'confirmed', hardMethod: 'reset' } })
    expect(run.effects).toEqual(['0 nmi', '2500 off', '2810 on'])
    expect(run.conclusion).toMatchObject({ result: 'POFF', grade: 'confirmed' })
  })
})

describe('modes', () => {
  test('soft never goes further than the interrupt', () => {
    const run = play({ plan: { mode: 'soft' } })
    expect(run.effects).toEqual(['0 nmi'])
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false, grade: 'unknown' })
    expect(run.recordedAt).toBe(2500)
  })

  test('soft refused fails at once', () => {
    const run = play({ plan: { mode: 'soft' }, bmc: { fates: { nmi: ['refuses'] } } })
    expect(run.effects).toEqual(['0 nmi'])
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false, grade: 'failed' })
  })

  test('soft does nothing while an earlier effect is loose', () => {
    const run = play({ plan: { mode: 'soft' }, circumstances: { loose: true } })
    expect(run.effects).toEqual([])
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false })
    expect(run.conclusion?.detail).toContain('only power off is safe')
  })

  test('soft with the feeds found off but on again a moment later still only interrupts', () => {
    const run = setUp({
      plan: { mode: 'soft' },
      circumstances: { outletsLastOff: true },
      room: { kdumpMs: 500 },
      bmc: { latencyMs: 100 },
    })
    run.room.force('a', 3, false)
    run.room.force('b', 3, false)
    run.time.after(300, () => run.room.force('a', 3, true))
    run.run()
    expect(run.effects.map((effect) => effect.split(' ')[1])).toEqual(['nmi'])
    expect(run.conclusion?.result).toBe('DUMP')
  })

  test('hard starts with the hard reset', () => {
    expect(play({ plan: { mode: 'hard' } }).effects).toEqual(['0 reset'])
  })

  test('pdu starts with the feeds', () => {
    const run = play({ plan: { mode: 'pdu' } })
    expect(run.effects).toEqual(['0 off a/3', '0 off b/3', '14410 on a/3', '14410 on b/3'])
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
  })

  test('pdu without feeds fails: an empty set is never all off', () => {
    const run = play({ plan: { mode: 'pdu', feeds: [] } })
    expect(run.effects).toEqual([])
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false, grade: 'failed' })
  })
})
