// The nevers of a serial test against random rooms and faults. The judge is the room.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openPduTest } from '../../../core/drill/pdu-step.ts'
import { DrillWorld, SERIAL } from './drill-world.ts'

const RUNS = 1000
/** A supply that failed just now may not have been looked at yet. */
const SEEN_AFTER_MS = 6000

const happening = fc.record({
  at: fc.integer({ min: 0, max: 40_000 }),
  what: fc.constantFrom(
    'supply-fails',
    'supply-heals',
    'outlet-sticks',
    'outlet-obeys',
    'slow',
    'bmc-restarts',
  ),
  place: fc.integer({ min: 0, max: 2 }),
})

const world = fc.record({
  feeds: fc.constantFrom(2, 3),
  swaps: fc.constantFrom(
    [],
    [],
    [{ server: 'S1', pdu: 'pdu-a', outlet: 2 }],
    [{ server: 'S2', pdu: 'pdu-b', outlet: 1 }],
  ),
  fates: fc.array(
    fc.constantFrom<'done' | 'reply-lost' | 'request-lost'>(
      'done',
      'done',
      'reply-lost',
      'request-lost',
    ),
    {
      maxLength: 4,
    },
  ),
  silentFrom: fc.constantFrom(undefined, undefined, 3000, 12_000),
  happenings: fc.array(happening, { maxLength: 4 }),
  abortAt: fc.option(fc.integer({ min: 0, max: 40_000 }), { nil: undefined }),
})

test('a serial test never has two feeds off, never cuts on before the last supply is good, and ends', () => {
  fc.assert(
    fc.property(world, ({ happenings, abortAt, silentFrom, ...setup }) => {
      const room = new DrillWorld({ ...setup, silentFrom })
      const { clock } = room
      const s1 = room.server('S1')
      const badSince = new Map<number, number>()
      s1.changed.subscribe(() => {
        for (const [index, { live, healthy }] of s1.supplies.entries()) {
          if (live && healthy) badSince.delete(index)
          else if (!badSince.has(index)) badSince.set(index, clock.now())
        }
      })
      const faults: string[] = []
      for (const pdu of room.pdus.values()) {
        pdu.changed.subscribe(() => {
          if (room.dark > 1) faults.push(`${room.dark} feeds off at ${clock.now()}`)
        })
      }
      room.cutting = ({ device }) => {
        for (const [index, since] of badSince) {
          const isCut = device.kind === 'outlet' && device.pdu === room.pduName(index)
          const known = s1.bmc.state === 'up' && clock.now() - since > SEEN_AFTER_MS
          if (!isCut && known) faults.push(`cut while supply ${index + 1} is bad since ${since}`)
        }
      }
      for (const { at, what, place } of happenings) {
        clock.after(at, () => {
          const outlet = room.pdus.get(room.pduName(place))
          if (what === 'supply-fails') s1.setFaults({ failedSupplies: [place + 1] })
          if (what === 'supply-heals') s1.setFaults({ failedSupplies: [] })
          if (what === 'outlet-sticks') outlet?.setOutletFaults(1, { stuck: true })
          if (what === 'outlet-obeys') outlet?.setOutletFaults(1, { stuck: false })
          if (what === 'slow') outlet?.setOutletFaults(1, { slowMs: 3000 })
          if (what === 'bmc-restarts') s1.bmc.restart()
        })
      }
      if (abortAt !== undefined) {
        clock.after(abortAt, () => {
          room.give({ type: 'abort', detail: 'a reset', restore: true })
          clock.after(3000, () => room.give({ type: 'recorded' }))
        })
      }
      const { feeds } = room
      const plan = {
        order: 'opr_1',
        server: 'S1',
        class: 'P' as const,
        feeds,
        settings: SERIAL,
        holdUpMs: 1000,
        others: ['S2'],
      }
      const ending = room.run(openPduTest(plan, room.moment))
      expect(faults).toEqual([])
      if (ending.wiringProven) expect(setup.swaps).toEqual([])
      const obey = !happenings.some(({ what }) => what === 'outlet-sticks')
      const reached = !setup.fates.includes('request-lost') && silentFrom === undefined
      clock.advance(10_000)
      if (obey && reached) expect(room.dark).toBe(0)
    }),
    { numRuns: RUNS },
  )
})
