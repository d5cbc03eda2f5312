// Golden scenarios of the ladder at the outlets, and of servers that are off already (spec domain.md §3).
import { describe, expect, test } from 'vitest'
import { wallOf } from './machine-room.ts'
import { play, SILENT, setUp } from './scene.ts'

const CUT_AND_BACK = ['7500 off a/3', '7500 off b/3', '21910 on a/3', '21910 on b/3']
const said = (run: ReturnType<typeof play>) =>
  run.conclusion?.evidence.map((each) => `${each.source} ${each.said}`)

describe('feeds', () => {
  test('BMC silent: all feeds off together, held up, read off again, POFF, on after the wait', () => {
    const run = play({ bmc: SILENT })
    expect(run.effects).toEqual(['0 nmi', '2500 reset', ...CUT_AND_BACK])
    expect(run.recordedAt).toBe(11_910)
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(said(run)).toEqual([
      'bmc:PSERVER1 silent for 5000 ms after the hard reset',
      'pdu:a/3 read off (off)',
      'pdu:b/3 read off (off)',
      'bmc:PSERVER1 silent after the cut',
      'server:PSERVER1 the wiring of these feeds has not been proven by a test',
    ])
    expect(run.recoveries).toEqual(['waiting', 'restored'])
    expect(run.alarms).toEqual([])
  })

  test('the wait starts when the completion is recorded', () => {
    const run = play({ bmc: SILENT, writeMs: 40 })
    const on = run.effects.filter((effect) => effect.includes(' on '))
    const at = (run.recordedAt ?? 0) + 10_000 + 40
    expect(on).toEqual([`${at} on a/3`, `${at} on b/3`])
  })

  test('wait 0: the feeds stay off until a restore', () => {
    const run = play({ bmc: SILENT, plan: { pduRecoveryWaitMs: 0 } })
    expect(run.effects).toEqual(['0 nmi', '2500 reset', '7500 off a/3', '7500 off b/3'])
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true })
    expect(run.recoveries).toEqual(['held'])
  })

  test('PDU control off and the BMC silent: FAIL, unknown, nothing more is sent', () => {
    const run = play({ bmc: SILENT, plan: { feeds: [] } })
    expect(run.effects).toEqual(['0 nmi', '2500 reset'])
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false, grade: 'unknown' })
    expect(run.recordedAt).toBe(7500)
  })

  test('one of two outlets stuck: FAIL naming it, the other held off', () => {
    const run = play({ bmc: SILENT, outlets: [{}, { off: ['pretends'] }] })
    expect(run.conclusion).toMatchObject({
      result: 'FAIL',
      fenced: false,
      grade: 'failed',
      detail: 'not every feed was read off: b/3 read on (on)',
    })
    expect(run.recoveries).toEqual(['held'])
    expect(run.effects.some((effect) => effect.includes(' on '))).toBe(false)
  })

  test('an outlet that cannot be read is not off: FAIL, unknown', () => {
    const run = play({ bmc: SILENT, outlets: [{}, { reads: 'silent' }] })
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false, grade: 'unknown' })
    expect(run.conclusion?.detail).toContain('b/3 silent')
  })

  test('an off whose request was lost is given again once a look shows that it did not take', () => {
    const run = play({ bmc: SILENT, outlets: [{ off: ['request-lost', 'does'] }] })
    expect(run.effects.filter((effect) => effect.endsWith('off a/3'))).toHaveLength(2)
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
  })

  test('an outlet that says off and then on again is never taken for off, and the ladder ends', () => {
    const run = setUp({ bmc: SILENT })
    for (let ms = 7600; ms < 300_000; ms += 1000) {
      run.time.after(ms, () => run.room.force('b', 3, ms % 2000 === 600))
    }
    run.run()
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false })
    expect(run.recordedAt).toBeLessThan(60_000)
  })

  test('a PDU that falls silent before the second look proves nothing', () => {
    const run = play({ bmc: SILENT, outlets: [{}, { silentFrom: 8000 }] })
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false, grade: 'unknown' })
  })

  test('a look at an outlet that was asked before its cut says nothing about it', () => {
    const run = setUp({ plan: { mode: 'pdu' }, outlets: [{ takesMs: 5000 }, { takesMs: 5000 }] })
    const stale = (pdu: string) => {
      const outlets = [{ outlet: 3, value: 'off' as const, raw: '0' }]
      const look = { pdu, askedAt: 0, readAt: wallOf(0), outlets, detail: '' }
      run.give({ type: 'outlets', look })
    }
    run.time.after(10, () => stale('a'))
    run.time.after(11, () => stale('b'))
    let taken: unknown
    run.time.after(12, () => {
      taken = run.ladder?.feeds.map(({ value }) => value)
    })
    run.run()
    expect(taken).toEqual(['unknown', 'unknown'])
    expect(run.recordedAt).toBeGreaterThan(5000)
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true })
  })

  test('an outlet that comes on again for a moment during the silence of the BMC ends the proof', () => {
    const run = setUp({ bmc: SILENT, plan: { mode: 'pdu', holdUpMs: 0 } })
    run.time.after(1500, () => run.room.force('b', 3, true))
    run.time.after(2100, () => run.room.force('b', 3, false))
    run.run()
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true })
    expect(run.recordedAt).toBeGreaterThan(2100 + 3000)
  })

  test('a probe of an earlier second look does not speak for a later one', () => {
    const run = setUp({ bmc: SILENT, plan: { holdUpMs: 0 }, room: { capacitorMs: 0 } })
    run.time.after(7900, () => run.room.force('b', 3, true))
    run.time.after(8400, () => run.room.force('b', 3, false))
    run.run()
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true })
    expect(run.recordedAt).toBe(14_030)
  })

  test('one feed does not come back: fenced, recovery partial, alarm', () => {
    const run = play({ bmc: SILENT, outlets: [{}, { on: ['pretends'] }] })
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(run.recoveries).toEqual(['waiting', 'partial'])
    expect(run.alarms).toEqual(['power-not-restored'])
  })

  test('no feed comes back: fenced, recovery failed, alarm', () => {
    const run = play({ bmc: SILENT, outlets: [{ on: ['refuses'] }, { on: ['pretends'] }] })
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true })
    expect(run.recoveries).toEqual(['waiting', 'failed'])
    expect(run.alarms).toEqual(['power-not-restored'])
  })

  test.each([300, 700, 1400])(
    'a BMC that answers with %i ms of delay each way is not a silent one: never complete',
    (latencyMs) => {
      const fates = { reset: ['refuses' as const], off: ['refuses' as const] }
      const run = play({ bmc: { latencyMs, fates }, room: { otherSupply: true } })
      expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false })
    },
  )

  test.each([650, 1400])(
    'a BMC with %i ms of delay each way is read off all the same',
    (latencyMs) => {
      const run = play({ bmc: { latencyMs }, plan: { requireGrade: 'confirmed', feeds: [] } })
      expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    },
  )

  test('a BMC that answers after the cut has another supply: off by the BMC, read off', () => {
    const run = play({ bmc: { fates: { reset: ['refuses'] } }, room: { otherSupply: true } })
    expect(run.effects).toEqual([
      '0 nmi',
      '2500 reset',
      '2520 off a/3',
      '2520 off b/3',
      '3910 off',
      '14220 on a/3',
      '14220 on b/3',
      '15220 on',
    ])
    expect(said(run)).toContain(
      'bmc:PSERVER1 answers although every feed is read off: it has another supply',
    )
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
  })

  test('another supply and a BMC that does not power off: FAIL, never on the word of the outlets', () => {
    const run = play({
      bmc: { fates: { reset: ['refuses'], off: ['refuses'] } },
      room: { otherSupply: true },
    })
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false })
    expect(run.recoveries).toEqual(['held'])
  })
})

describe('already off', () => {
  const chassis = 'off' as const
  const watchedOff = { session: 1, sessionOpenedAt: -60_000, since: -5000 }

  test('watched off and read off again: POFF without an action', () => {
    const run = play({ circumstances: { watchedOff }, room: { chassis } })
    expect(run.effects).toEqual([])
    expect(run.recordedAt).toBe(20)
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(run.recoveries).toEqual([])
  })

  test.each([
    ['another session than the watch', { watchedOff: { ...watchedOff, session: 7 } }, {}],
    ['a first read less than a second ago', { watchedOff: { ...watchedOff, since: -900 } }, {}],
    ['a session younger than 30 s', { watchedOff }, { sessionOpenedAt: -29_900 }],
    ['an unproven identity', { watchedOff }, { identity: 'unproven' as const }],
  ])('%s: the ladder runs', (_, circumstances, bmc) => {
    const run = play({ circumstances, bmc, room: { chassis } })
    expect(run.effects[0]).toBe('20 nmi')
  })

  test('a BMC that has restarted and says off of a running server gives no POFF', () => {
    const run = play({
      circumstances: { watchedOff: { session: 1, sessionOpenedAt: -60_000, since: -5000 } },
      bmc: { restarts: [{ at: 0, bootMs: 100, saysOffMs: 60_000 }], fates: { nmi: ['refuses'] } },
    })
    expect(run.conclusion?.result).not.toBe('POFF')
  })

  test('a BMC that restarts under the ladder and says off gives no POFF on that word', () => {
    const run = play({
      plan: { hardMethod: 'off-on', feeds: [] },
      bmc: {
        fates: { off: ['pretends'] },
        restarts: [{ at: 3000, bootMs: 500, saysOffMs: 20_000 }],
      },
    })
    expect(run.effects).toEqual(['0 nmi', '2500 off'])
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false })
  })

  test('a BMC that keeps restarting does not keep the ladder open', () => {
    const restarts = Array.from({ length: 200 }, (_, index) => ({
      at: 3000 + index * 10_000,
      bootMs: 500,
      saysOffMs: 9000,
    }))
    const run = play({
      plan: { hardMethod: 'off-on', feeds: [] },
      bmc: { fates: { off: ['pretends'] }, restarts },
    })
    expect(run.conclusion).toMatchObject({ result: 'FAIL', fenced: false })
    expect(run.recordedAt).toBeLessThan(60_000)
  })

  test('every feed off already and the BMC silent: POFF without an action', () => {
    const run = setUp({ circumstances: { outletsLastOff: true }, bmc: SILENT })
    run.room.force('a', 3, false)
    run.room.force('b', 3, false)
    run.run()
    expect(run.effects).toEqual([])
    expect(run.conclusion).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(run.recoveries).toEqual([])
  })

  test('feeds last read off that are on by now: the ladder runs from its first rung', () => {
    const run = play({ circumstances: { outletsLastOff: true } })
    expect(run.effects).toEqual(['40 nmi', '2540 reset'])
  })

  test('feeds found off while the BMC answers: the ladder runs from its first rung', () => {
    const run = setUp({ circumstances: { outletsLastOff: true }, room: { otherSupply: true } })
    run.room.force('a', 3, false)
    run.room.force('b', 3, false)
    run.run()
    expect(run.effects[0]).toBe('1060 nmi')
    expect(run.conclusion?.result).toBe('REBOOT')
  })

  test('a stop notice during the first look is a DUMP without a shot', () => {
    const run = setUp({ circumstances: { watchedOff }, bmc: SILENT })
    run.time.after(500, () => run.give({ type: 'notice', address: '192.168.0.101' }))
    run.run()
    expect(run.effects).toEqual([])
    expect(run.conclusion?.result).toBe('DUMP')
  })
})
