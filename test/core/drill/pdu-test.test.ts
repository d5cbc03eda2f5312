import { describe, expect, test } from 'vitest'
import { openPduTest, resumePduTest } from '../../../core/drill/pdu-step.ts'
import type { PduTestSettings } from '../../../core/operation.ts'
import { DrillWorld, SAME, SERIAL, type WorldSetup } from './drill-world.ts'

function planOf(world: DrillWorld, settings: PduTestSettings) {
  const { feeds } = world
  return {
    order: 'opr_1',
    server: 'S1',
    class: 'P' as const,
    feeds,
    settings,
    holdUpMs: 1000,
    others: ['S2'],
  }
}

function play(
  settings: PduTestSettings,
  setup: WorldSetup = {},
  arrange?: (w: DrillWorld) => void,
) {
  const world = new DrillWorld(setup)
  arrange?.(world)
  const ending = world.run(openPduTest(planOf(world, settings), world.moment))
  return { world, ending, tookMs: world.clock.now() - world.startedAt }
}

describe('serial', () => {
  test('cuts feed by feed, each with its off time, and proves the wiring by the log', () => {
    const { world, ending, tookMs } = play(SERIAL)
    expect(world.switched).toEqual(['pdu-a off', 'pdu-a on', 'pdu-b off', 'pdu-b on'])
    expect(ending).toMatchObject({
      status: 'done',
      wiringProven: true,
      feeds: [
        { pdu: 'pdu-a', verdict: 'right', loss: { server: 'S1', sensor: 0x51 } },
        { pdu: 'pdu-b', verdict: 'right', loss: { server: 'S1', sensor: 0x52 } },
      ],
    })
    expect(world.server('S1').os.boots).toBe(1)
    // Twice off, once waiting between, and the looks.
    expect(tookMs).toBeGreaterThan(15_000)
    expect(tookMs).toBeLessThan(20_000)
  })

  test('tells when each supply was lost by our clock, however wrong the one of the BMC is', () => {
    const { world, ending } = play(SERIAL, {}, (w) =>
      w.server('S1').setFaults({ clockAheadS: -7200 }),
    )
    expect(ending.status).toBe('done')
    const [first] = ending.feeds ?? []
    const lostMs =
      Date.parse(first?.loss?.lostAt ?? '') - (world.clock.wallMs() - world.clock.now())
    expect(Math.abs(lostMs - world.startedAt)).toBeLessThan(2000)
  })

  test('limited to one PDU cuts its feed alone and says nothing of the wiring as a whole', () => {
    const { world, ending } = play({ ...SERIAL, pdu: 'pdu-b' })
    expect(world.switched).toEqual(['pdu-b off', 'pdu-b on'])
    expect(ending.status).toBe('done')
    expect(ending.wiringProven).toBeUndefined()
  })

  test('names the server whose supply a mis-cabled feed really feeds', () => {
    const swaps = [{ server: 'S1', pdu: 'pdu-a', outlet: 2 }]
    const { ending } = play(SERIAL, { swaps })
    expect(ending).toMatchObject({ status: 'failed', code: 'mis-cabled', wiringProven: false })
    expect(ending.feeds?.[0]).toMatchObject({
      pdu: 'pdu-a',
      verdict: 'mis-cabled',
      loss: { server: 'S2' },
    })
    expect(ending.feeds?.[1]).toMatchObject({ pdu: 'pdu-b', verdict: 'right' })
    expect(ending.detail).toContain('pdu-a/1 is mis-cabled: it feeds supply 51h of S2')
  })

  test('takes no loss for its own that a reset of another server made at the same time', () => {
    const { ending } = play(SERIAL, {}, (w) => {
      w.clock.after(2000, () => w.cutForReset('S2', 300))
    })
    expect(ending).toMatchObject({ status: 'done', wiringProven: true })
    const [first, second] = ending.feeds ?? []
    expect([first?.verdict, second?.verdict]).toEqual(['right', 'right'])
  })

  test('a reset of another server hides no swap that a later cut shows', () => {
    const swaps = [{ server: 'S1', pdu: 'pdu-a', outlet: 2 }]
    const { ending } = play({ ...SERIAL, pdu: 'pdu-a', offTimeMs: 60_000 }, { swaps }, (w) => {
      w.cutForReset('S2', 500)
      w.clock.advance(15_000)
    })
    expect(ending.feeds).toMatchObject([{ verdict: 'mis-cabled', loss: { server: 'S2' } }])
  })

  test('stops at a feed whose loss nobody logs', () => {
    const { world, ending } = play(SERIAL, {}, (w) =>
      w.pdu('pdu-a').setOutletFaults(1, { welded: true }),
    )
    expect(ending).toMatchObject({ status: 'failed', code: 'not-logged', wiringProven: false })
    expect(world.switched).toEqual(['pdu-a off', 'pdu-a on'])
  })

  test('stops at the first supply that does not come back, and raises an alarm', () => {
    const { world, ending } = play(SERIAL, {}, (w) => {
      w.clock.after(3000, () => w.server('S1').setFaults({ failedSupplies: [1] }))
    })
    expect(ending).toMatchObject({ status: 'failed', code: 'not-back' })
    expect(ending.feeds).toMatchObject([{ pdu: 'pdu-a', verdict: 'not-back' }])
    expect(world.switched).toEqual(['pdu-a off', 'pdu-a on'])
    expect(world.alarms).toEqual(['supply-not-back'])
  })

  test('cuts nothing while a supply is in trouble since long before', () => {
    const world = new DrillWorld()
    world.server('S1').setFaults({ failedSupplies: [2] })
    world.clock.advance(3_600_000)
    const ending = world.run(openPduTest(planOf(world, SERIAL), world.moment))
    expect(ending).toMatchObject({ status: 'failed', code: 'supply-fault' })
    expect(ending.detail).toContain('supply 52h input lost')
    expect(world.switched).toEqual([])
  })

  test('cuts nothing while an outlet is off or the server is', () => {
    const off = play(SERIAL, {}, (w) => w.pdu('pdu-b').order(1, 'off'))
    expect(off.ending).toMatchObject({ status: 'failed', code: 'outlet-not-on' })
    expect(off.world.fired).toEqual([])
    const down = play(SERIAL, {}, (w) => w.server('S1').bmc.control('off'))
    expect(down.ending).toMatchObject({ status: 'failed', code: 'server-off' })
    expect(down.world.fired).toEqual([])
  })

  test('gives the feed back at once when another one goes', () => {
    const { world, ending } = play(SERIAL, {}, (w) => {
      w.clock.after(2000, () => w.pdu('pdu-b').order(1, 'off'))
    })
    // Its outlet and its supply tell of it at the same time.
    expect(['outlet-off', 'supply-fault']).toContain(ending.code)
    expect(world.switched).toEqual(['pdu-a off', 'pdu-b off', 'pdu-a on'])
  })

  test('knows a supply that no cut reached', () => {
    const { ending } = play(SERIAL, {}, (w) => {
      w.server('S1').bmc.log.add({ atS: 1, supply: 4, lost: true })
      w.server('S1').bmc.log.add({ atS: 2, supply: 4, lost: false })
    })
    expect(ending).toMatchObject({
      status: 'failed',
      code: 'supply-not-reached',
      wiringProven: false,
    })
  })

  test('an outlet that does not obey ends it, with everything on', () => {
    const { world, ending } = play(SERIAL, {}, (w) =>
      w.pdu('pdu-a').setOutletFaults(1, { stuck: true }),
    )
    expect(ending).toMatchObject({ status: 'failed', code: 'outlet-not-off' })
    expect(world.dark).toBe(0)
  })
})

describe('a management server', () => {
  const settings = { ...SERIAL, offTimeMs: 30_000 }

  test('is tested feed by feed like a server, each off for its longer time', () => {
    const world = new DrillWorld()
    const plan = { ...planOf(world, settings), class: 'M' as const }
    const ending = world.run(openPduTest(plan, world.moment))
    expect(ending).toMatchObject({ status: 'done', wiringProven: true })
    expect(ending.detail).not.toContain('agent')
    expect(world.clock.now() - world.startedAt).toBeGreaterThan(65_000)
  })

  test('that was switched off as a whole may need a hand, and the report says so', () => {
    const world = new DrillWorld()
    const plan = { ...planOf(world, SAME), class: 'M' as const }
    const done = world.run(openPduTest(plan, world.moment))
    expect(done.detail).toMatch(/power it on if it stays off, and see that its agent runs$/)
    const shots = world.fired.map((shot) => ({ ...shot, intendedAt: 0 }))
    const resumed = world.run(resumePduTest(plan, shots, undefined, world.moment))
    expect(resumed).toMatchObject({ status: 'aborted' })
    expect(resumed.detail).toContain('see that its agent runs')
  })

  test('of which nothing was cut needs nothing', () => {
    const world = new DrillWorld()
    world.pdu('pdu-a').order(1, 'off')
    const plan = { ...planOf(world, SAME), class: 'M' as const }
    const ending = world.run(openPduTest(plan, world.moment))
    expect(ending.code).toBe('outlet-not-on')
    expect(ending.detail).not.toContain('agent')
  })
})

describe('same', () => {
  test('cuts all feeds together and sees the BMC go and come back', () => {
    const { world, ending } = play(SAME)
    expect(world.switched).toEqual(['pdu-a off', 'pdu-b off', 'pdu-a on', 'pdu-b on'])
    expect(ending).toEqual({ status: 'done', detail: 'the BMC was gone and is back' })
  })

  test('a BMC that answers all the time has another supply, and the feeds come back all the same', () => {
    const { world, ending } = play(SAME, {}, (w) =>
      w.pdu('pdu-a').setOutletFaults(1, { welded: true }),
    )
    expect(ending).toMatchObject({ status: 'failed', code: 'bmc-not-gone', wiringProven: false })
    expect(world.dark).toBe(0)
  })

  test('an outlet that stays off is named with an alarm', () => {
    const { world, ending } = play(SAME, {}, (w) => {
      w.clock.after(3000, () => w.pdu('pdu-b').setOutletFaults(1, { stuck: true }))
    })
    expect(ending).toMatchObject({ status: 'failed', code: 'outlet-not-on' })
    expect(ending.detail).toContain('pdu-b/1')
    expect(world.alarms).toEqual(['power-not-restored'])
  })
})

describe('a reset in the way', () => {
  const abort = (restore: boolean) => ({ type: 'abort', detail: 'a reset', restore }) as const

  test('ends it at once and is told which feeds are off', () => {
    const world = new DrillWorld()
    world.start(openPduTest(planOf(world, SERIAL), world.moment))
    world.clock.advance(2000)
    expect(world.course?.leftOff).toEqual([{ pdu: 'pdu-a', outlet: 1 }])
    world.give(abort(false))
    expect(world.ending).toMatchObject({ status: 'aborted', detail: 'a reset' })
    world.clock.advance(600_000)
    expect(world.switched).toEqual(['pdu-a off'])
  })

  test('that does not care for feeds leaves it to the test to switch them on, once it has concluded', () => {
    const world = new DrillWorld()
    world.start(openPduTest(planOf(world, SAME), world.moment))
    world.clock.advance(2000)
    world.give(abort(true))
    world.clock.advance(60_000)
    expect(world.dark).toBe(2)
    world.give({ type: 'recorded' })
    world.clock.advance(2000)
    expect(world.ending).toMatchObject({ status: 'aborted', detail: 'a reset' })
    expect(world.dark).toBe(0)
  })

  test('before anything was cut ends it with nothing sent', () => {
    const world = new DrillWorld()
    world.start(openPduTest(planOf(world, SERIAL), world.moment))
    world.give(abort(true))
    world.clock.advance(60_000)
    expect(world.ending?.status).toBe('aborted')
    expect(world.fired).toEqual([])
  })
})

describe('after a restart of the agent', () => {
  const resumed = (reset: { hasFeeds: boolean } | undefined) => {
    const world = new DrillWorld()
    world.pdu('pdu-b').order(1, 'off')
    const device = { kind: 'outlet', pdu: 'pdu-b', outlet: 1 } as const
    const intendedAt = world.clock.now()
    const shots = [{ id: 3, rung: 'pdu', device, action: 'off', intendedAt }] as const
    world.start(resumePduTest(planOf(world, SERIAL), shots, reset, world.moment))
    world.clock.advance(60_000)
    return world
  }

  test('what was off comes back and the test is over', () => {
    const world = resumed(undefined)
    expect(world.ending?.status).toBe('aborted')
    expect(world.dark).toBe(0)
    expect(world.fired.map(({ id }) => id)).toEqual([4])
  })

  test('a reset that has feeds brings back what was off, and the test does nothing', () => {
    const world = resumed({ hasFeeds: true })
    expect(world.ending?.status).toBe('aborted')
    expect(world.fired).toEqual([])
  })

  test('a reset without feeds is waited for', () => {
    const world = resumed({ hasFeeds: false })
    expect(world.ending).toBeUndefined()
    expect(world.fired).toEqual([])
    world.give({ type: 'recorded' })
    world.clock.advance(2000)
    expect(world.ending?.status).toBe('aborted')
    expect(world.dark).toBe(0)
  })
})
