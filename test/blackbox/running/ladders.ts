// Every way in which a ladder ends, with a real agent on the machines of the lab.
import { beforeAll, describe, expect, test } from 'vitest'
import type { ResetView } from '../../../protocol/reset-view.ts'
import type { Answer, Problem } from '../../e2e/api.ts'
import { EventStream } from '../../e2e/event-stream.ts'
import { type Installation, Watched } from '../installation.ts'
import { expectOnTime } from './timing.ts'

export function ladderTests(on: () => Installation): void {
  describe('a ladder', () => {
    let all: Installation
    beforeAll(() => {
      all = on()
    })
    const ask = (content: object, key?: string) => all.api.reset(content, key)
    const watch = (name: string) => Watched.begin(all.lab, name)

    describe.concurrent('that runs beside others', () => {
      test('of a machine with kdump ends with its stop notice; of a crossing pair one runs', async () => {
        const crossing = (system: number, requester: number) =>
          all.api.ask('POST', '/v1/resets', {
            site: 'lab',
            target: { system, cluster: 'db' },
            requester: { system: requester },
            reason: 'no heartbeat',
          })
        const pair = await Promise.all(['PSERVER1', 'PSERVER2'].map(watch))
        const answers = await Promise.all([crossing(10001, 10002), crossing(10002, 10001)])
        const [accepted, refused] = answers.toSorted((a, b) => a.status - b.status)
        expect([accepted?.status, refused?.status]).toEqual([202, 409])
        const { code } = (refused as Answer).json as Problem
        expect(['pair-guard', 'requester-being-reset']).toContain(code)
        const { id, server } = (accepted as Answer).json as ResetView
        expect(await all.api.end(id)).toMatchObject({ status: 'complete', result: 'DUMP' })
        for (const machine of pair) {
          const { name, os } = await machine.now()
          const { nmi } = await machine.executed()
          expect({ name, nmi }).toEqual({ name, nmi: name === server ? 1 : 0 })
          if (name === server) expect(os.stopNotices).toBeGreaterThan(0)
        }
      })

      test('that wants off read ends when the machine is off, and it is on again afterwards', async () => {
        const machine = await watch('PSERVER3')
        const { id } = await ask({ target: { server: 'PSERVER3' }, mode: 'hard' })
        const end = await all.api.end(id)
        expect(end).toMatchObject({ result: 'POFF', grade: 'confirmed', fenced: true })
        const done = { nmi: 0, reset: 0, cycle: 0, off: 1, on: 1 }
        expect(await machine.executed()).toMatchObject(done)
        expect(await machine.bootEnded()).toBe(true)
      })

      test('by the outlets ends when they are dead, and restores the feed after its wait', async () => {
        const machine = await watch('PSERVER4')
        const { id } = await ask({ target: { server: 'PSERVER4' }, mode: 'pdu' })
        const fenced = await all.api.view(id, 30)
        expect(fenced).toMatchObject({ result: 'POFF', grade: 'confirmed', fenced: true })
        expect((await machine.now()).railVolts).toBe(0)
        expect(await all.api.end(id)).toMatchObject({ recovery: 'restored' })
        const orders = await all.lab.oracle.ordersTo('pdu-b', 5)
        expect(orders.map(({ to }) => to)).toEqual(['off', 'on'])
      })

      test('by a hard reset is told at once to everybody who waits, and the same key resets once', async () => {
        const machine = await watch('PSERVER5')
        const target = { target: { server: 'PSERVER5' }, mode: 'hard' }
        const delays: number[] = []
        for (let round = 0; round < 3; round += 1) {
          const { id } = await ask(target, `hard-${round}`)
          const waiting = [1, 2, 3].map(async () => {
            const view = await all.api.view(id, 30)
            expect(view).toMatchObject({ result: 'REBOOT', grade: 'acknowledged', fenced: true })
            return Date.now() - Date.parse(view.fencedAt ?? '')
          })
          delays.push(...(await Promise.all(waiting)))
          await all.api.end(id)
          expect((await ask(target, `hard-${round}`)).id).toBe(id)
        }
        delays.sort((a, b) => a - b)
        // The middle one: a busy machine may hold up a single answer.
        expect(delays[4], delays.join(' ')).toBeLessThan(1000)
        expect(await machine.executed()).toMatchObject({ reset: 3, nmi: 0, off: 0, cycle: 0 })
      })

      test('of a machine that says nothing goes hard exactly at its time', async () => {
        const machine = await watch('PSERVER6')
        const accepted = await ask({ target: { server: 'PSERVER6' } })
        const end = await all.api.end(accepted.id)
        expect(end).toMatchObject({ result: 'REBOOT', grade: 'acknowledged', fenced: true })
        expect(await machine.executed()).toMatchObject({ nmi: 1, reset: 1, off: 0, cycle: 0 })
        expectOnTime(await machine.hardReset(), accepted)
      })
    })

    test('that leaves its feed off is followed by a restore', async () => {
      const machine = await watch('PSERVER3')
      const { id } = await ask({ target: { server: 'PSERVER3' }, mode: 'pdu' })
      expect(await all.api.end(id)).toMatchObject({ result: 'POFF', fenced: true })
      expect(await machine.now()).toMatchObject({ railVolts: 0, standby: false })
      const restored = await all.palisade(['restore', 'PSERVER3', '--site', 'lab'])
      expect(restored, restored.stdout + restored.stderr).toMatchObject({ code: 0 })
      expect(await machine.now()).toMatchObject({ standby: true })
    })

    test('is told as events; a reader that comes back misses and repeats nothing', async () => {
      const whole = await EventStream.open(all.api)
      const one = await ask({ target: { server: 'PSERVER5' }, mode: 'hard' })
      const seen = await whole.find('the reset', ({ content }) => content.payload['id'] === one.id)
      await all.api.end(one.id)
      const two = await ask({ target: { server: 'PSERVER5' }, mode: 'hard' })
      await all.api.end(two.id)
      const isLast = ({ content: { payload } }: (typeof whole.events)[number]) =>
        payload['id'] === two.id && payload['status'] === 'complete'
      await whole.find('the end', isLast)
      const back = await EventStream.open(all.api, { after: seen.id })
      const last = await back.find('the end', isLast)
      for (const stream of [whole, back]) stream.close()
      const told = whole.events.filter(({ id }) => id > seen.id && id <= last.id)
      expect(told.length).toBeGreaterThan(2)
      expect(back.events.filter(({ id }) => id <= last.id)).toEqual(
        told.map((event) => ({ ...event, at: expect.any(Number) })),
      )
    })

    test('stands in the reset log line by line', async () => {
      const log = await all.palisade(['audit', '--format', 'resetlog', '--site', 'lab'])
      expect(log.stdout).toMatch(/RM-RESET PSERVER[12] 1000[12] .*SEND.* P DUMP/)
    })
  })
}
