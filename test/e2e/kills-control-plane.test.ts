// The control plane killed, or cut off, in the middle of a ladder: the machine is stopped on time all the
// same, nothing of it is lost, and an order that reached no agent in time is never carried out.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ResetView } from '../../protocol/reset-view.ts'
import { findPostgres } from '../postgres.ts'
import type { TrueServer } from './lab.ts'
import { ownPostgres } from './own-postgres.ts'
import { startLabSite } from './palisade.ts'
import { Closing, until } from './programs.ts'

const HARD_AFTER_MS = 2500
/** What a busy machine may take between the instant of a timer and the datagram at the BMC. */
const LATE_MS = 700

const databases = findPostgres() === undefined ? ['embedded'] : ['embedded', 'postgres']

const aside = new Closing()
let alone: Awaited<ReturnType<typeof startLabSite>>
let overdue: ResetView

// Waits for its expiry while everything else here goes on.
beforeAll(async () => {
  alone = await startLabSite(aside)
  await alone.agent.program.stop()
  overdue = await alone.api.reset({ target: { server: 'PSERVER1' } })
  expect(overdue.detail).toContain('no agent of this site is connected')
}, 120_000)

afterAll(() => aside.run())

describe.each(databases)('on the %s database', (kind) => {
  const closing = new Closing()
  let rig: Awaited<ReturnType<typeof startLabSite>>

  beforeAll(async () => {
    const database = kind === 'postgres' ? await ownPostgres(closing) : undefined
    rig = await startLabSite(closing, database)
    for (const name of ['PSERVER1', 'PSERVER6']) {
      await rig.lab.oracle.breakServer(name, { noKdump: true })
    }
  }, 120_000)

  afterAll(() => closing.run())

  test('killed right after its 202, the ladder ends on time and its record comes later', async () => {
    const { api, controlPlane, lab } = rig
    const accepted = await api.reset({ target: { server: 'PSERVER1' } }, 'kill-1')
    await controlPlane.program.kill()
    const before = await resetOf(() => lab.oracle.server('PSERVER1'))
    expectOnTime(before, accepted)

    await controlPlane.start()
    expect(await api.end(accepted.id)).toMatchObject({
      status: 'complete',
      result: 'REBOOT',
      fenced: true,
    })
    const { bmc } = await lab.oracle.server('PSERVER1')
    expect(bmc.executed).toMatchObject({ nmi: 1, reset: 1, off: 0, cycle: 0 })
    expect((await api.reset({ target: { server: 'PSERVER1' } }, 'kill-1')).id).toBe(accepted.id)
  })

  // The database makes no difference here.
  if (kind === databases.at(-1)) {
    test('cut off for ten seconds, the ladder ends on time and its record comes later', async () => {
      const { api, controlPlane, lab } = rig
      const accepted = await api.reset({ target: { server: 'PSERVER6' } })
      controlPlane.program.signal('SIGSTOP')
      const cutAt = performance.now()
      try {
        const before = await resetOf(() => lab.oracle.server('PSERVER6'))
        expectOnTime(before, accepted)
        await sleep(10_000 - (performance.now() - cutAt))
      } finally {
        controlPlane.program.signal('SIGCONT')
      }
      const end = await api.end(accepted.id)
      expect(end).toMatchObject({ status: 'complete', result: 'REBOOT', fenced: true })
      const fencedAfterMs = Date.parse(end.fencedAt ?? '') - Date.parse(accepted.requestedAt)
      expect(fencedAfterMs).toBeLessThan(HARD_AFTER_MS + LATE_MS)
      const { bmc } = await lab.oracle.server('PSERVER6')
      expect(bmc.executed).toMatchObject({ nmi: 1, reset: 1, off: 0, cycle: 0 })
    })
  }

  test('killed with an order that no agent has, the order is there after the restart and runs once', async () => {
    const { agent, api, controlPlane, lab } = rig
    await agent.program.kill()
    const accepted = await api.reset({ target: { server: 'PSERVER5' } })
    await controlPlane.program.kill()
    await controlPlane.start()
    expect(await api.view(accepted.id)).toMatchObject({ status: 'accepted' })
    agent.start()
    expect(await api.end(accepted.id)).toMatchObject({ status: 'complete', result: 'REBOOT' })
    expect((await lab.oracle.server('PSERVER5')).bmc.executed).toMatchObject({ nmi: 0, reset: 1 })
  })

  function resetOf(look: () => Promise<TrueServer>) {
    return until('the hard reset', 15_000, async () => {
      const { bmc } = await look()
      return bmc.controls.find(({ action }) => action === 'reset') ?? false
    })
  }
})

test('an order that no agent took in time has failed, and no agent that comes back carries it out', async () => {
  const { agent, api, lab } = alone
  const end = await api.end(overdue.id, 75_000)
  expect(end).toMatchObject({ status: 'failed', code: 'order-expired', fenced: false })
  const livedMs = Date.parse(end.endedAt ?? '') - Date.parse(end.requestedAt)
  expect(livedMs).toBeGreaterThan(59_900)

  agent.start()
  await api.allLinksOk()
  // A later order overtakes it, so anything that was still to be sent has been sent.
  const later = await api.reset({ target: { server: 'PSERVER6' } })
  expect(await api.end(later.id)).toMatchObject({ status: 'complete' })
  const { bmc } = await lab.oracle.server('PSERVER1')
  expect(bmc.executed).toMatchObject({ nmi: 0, reset: 0, off: 0, cycle: 0 })
  expect(await api.view(overdue.id)).toEqual(end)
}, 120_000)

function expectOnTime(control: { wall: string }, { requestedAt }: ResetView): void {
  const afterMs = Date.parse(control.wall) - Date.parse(requestedAt)
  expect(afterMs).toBeGreaterThanOrEqual(HARD_AFTER_MS - 5)
  expect(afterMs).toBeLessThan(HARD_AFTER_MS + LATE_MS)
}
