// The agent killed while four ladders are in their four phases: every one is taken up where it stood, ends on
// record, and no machine is shot twice. The oracle of the lab counts.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ResetView } from '../../protocol/reset-view.ts'
import type { Oracle } from './lab.ts'
import { ownPostgres } from './own-postgres.ts'
import { type Ran, startLabSite } from './palisade.ts'
import { Closing, until } from './programs.ts'

const closing = new Closing()
const HARD_AFTER_MS = 2500

interface Story {
  killedAt: number
  restartedAt: number
  /** As they stood when the agent was dead. */
  atKill: Record<'softWait' | 'hardSent' | 'holdUp' | 'recoveryWait', ResetView>
  end: Story['atKill']
}

let story: Story
let oracle: Oracle
let audit: () => Promise<Ran>

beforeAll(async () => {
  const database = await ownPostgres(closing)
  const { api, agent, lab, palisade } = await startLabSite(closing, database)
  oracle = lab.oracle
  audit = async () => {
    const { stdout } = await palisade(['audit'])
    return await palisade(['audit', 'verify', '-'], { input: stdout })
  }
  await oracle.breakServer('PSERVER1', { noKdump: true })
  // Acts at once, and is deaf from then on.
  await oracle.breakServer('PSERVER5', { slowControlMs: 120_000 })

  const ask = (server: string, mode = 'ladder') => api.reset({ target: { server }, mode })
  const recoveryWait = await ask('PSERVER4', 'pdu')
  await until('one ladder waits for its recovery', 20_000, async () => {
    return (await api.view(recoveryWait.id)).recovery === 'waiting'
  })
  const [softWait, hardSent, holdUp] = await Promise.all([
    ask('PSERVER1'),
    ask('PSERVER5'),
    ask('PSERVER3', 'pdu'),
  ])
  await until('every ladder is in its phase', 1500, async () => {
    const [soft, hard] = await Promise.all([oracle.server('PSERVER1'), oracle.server('PSERVER5')])
    const off = !(await oracle.outletIsLive('pdu-a', 5))
    return off && soft.bmc.executed.nmi === 1 && hard.bmc.executed.reset === 1
  })
  const killedAt = Date.now()
  await agent.program.kill()
  const ids = Object.entries({ softWait, hardSent, holdUp, recoveryWait })
  const views = async (look: (id: string) => Promise<ResetView>) =>
    Object.fromEntries(
      await Promise.all(ids.map(async ([phase, { id }]) => [phase, await look(id)] as const)),
    ) as Story['atKill']
  const atKill = await views((id) => api.view(id))
  await sleep(300)
  const restartedAt = Date.now()
  agent.start()
  const end = await views((id) => api.end(id))
  story = { killedAt, restartedAt, atKill, end }
}, 120_000)

afterAll(() => closing.run())

test('the agent died with all four open, none of them decided but the one that waits for recovery', () => {
  const { softWait, hardSent, holdUp, recoveryWait } = story.atKill
  for (const { fenced, endedAt } of [softWait, hardSent, holdUp]) {
    expect({ fenced, endedAt }).toEqual({ fenced: false, endedAt: null })
  }
  expect(recoveryWait).toMatchObject({ fenced: true, recovery: 'waiting', endedAt: null })
})

describe('killed while it waits for the stop notice', () => {
  test('the hard reset goes out at its time or as soon as the agent is back, once', async () => {
    expect(story.end.softWait).toMatchObject({ status: 'complete', result: 'REBOOT', fenced: true })
    const { bmc, os } = await oracle.server('PSERVER1')
    expect(bmc.executed).toMatchObject({ nmi: 1, reset: 1, off: 0, cycle: 0 })
    expect(os.boots).toBe(2)
    const resetAt = Date.parse(bmc.controls.find(({ action }) => action === 'reset')?.wall ?? '')
    const dueAt = Date.parse(story.end.softWait.requestedAt) + HARD_AFTER_MS
    expect(resetAt).toBeGreaterThanOrEqual(dueAt)
    expect(resetAt).toBeLessThan(Math.max(dueAt, story.restartedAt) + 4000)
  })
})

describe('killed after a hard reset whose answer never came', () => {
  test('it is not sent again: the feeds decide', async () => {
    expect(story.end.hardSent).toMatchObject({
      status: 'complete',
      result: 'POFF',
      grade: 'confirmed',
      fenced: true,
    })
    const { bmc } = await oracle.server('PSERVER5')
    expect(bmc.executed).toMatchObject({ reset: 1, nmi: 0, off: 0, cycle: 0 })
    expect(await switches('pdu-b', 6)).toEqual(['off', 'on'])
  })

  test('the cut comes no earlier than the time that the BMC has to answer', async () => {
    const [off] = await oracle.ordersTo('pdu-b', 6)
    const waitedMs = Date.parse(off?.wall ?? '') - Date.parse(story.end.hardSent.requestedAt)
    expect(waitedMs).toBeGreaterThanOrEqual(5000)
  })
})

describe('killed while the feeds are held off before the word', () => {
  test('off is read and held up anew, then told; the outlet stays off as configured', async () => {
    const { holdUp } = story.end
    expect(holdUp).toMatchObject({ status: 'complete', result: 'POFF', grade: 'confirmed' })
    expect(Date.parse(holdUp.fencedAt ?? '')).toBeGreaterThan(story.restartedAt)
    expect(await switches('pdu-a', 5)).not.toContain('on')
    expect(await oracle.outletIsLive('pdu-a', 5)).toBe(false)
    expect(await oracle.server('PSERVER3')).toMatchObject({ railVolts: 0, standby: false })
  })
})

describe('killed in the recovery wait', () => {
  test('the feed comes on once, and not before the wait that began with the completion', async () => {
    const { recoveryWait } = story.end
    expect(recoveryWait).toMatchObject({ status: 'complete', result: 'POFF', recovery: 'restored' })
    expect(recoveryWait.fencedAt).toBe(story.atKill.recoveryWait.fencedAt)
    expect(await switches('pdu-b', 5)).toEqual(['off', 'on'])
    const [, on] = await oracle.ordersTo('pdu-b', 5)
    const waitedMs = Date.parse(on?.wall ?? '') - Date.parse(recoveryWait.fencedAt ?? '')
    expect(waitedMs).toBeGreaterThanOrEqual(5000)
    expect(waitedMs).toBeLessThan(12_000)
  })
})

test('the records of before and after the kill are one unbroken chain', async () => {
  expect(await audit()).toMatchObject({ code: 0 })
})

async function switches(pdu: string, outlet: number): Promise<string[]> {
  return (await oracle.ordersTo(pdu, outlet)).map(({ to }) => to)
}
