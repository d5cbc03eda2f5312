// What an agent knows at its start of who was stopped just now, for the pair guard.
import { expect, test } from 'vitest'
import { Devices } from '../../agent/devices.ts'
import { Executor } from '../../agent/executor.ts'
import { createLooseShots } from '../../agent/loose.ts'
import { resumeOrders } from '../../agent/resume-orders.ts'
import type { Body } from '../../protocol/report.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { PLAN } from '../core/scene.ts'
import { openAt, place } from './journal-place.ts'

const ORDER = `rst_${'a'.repeat(26)}`
const BOOT = 'boot-1'

/** A reset that failed without an answer to its interrupt, which was settled later. */
function history(at: number): Body[] {
  const mono = { bootId: BOOT, ms: at }
  const request = {
    server: PLAN.server,
    mode: 'soft',
    reason: '',
    requestedBy: 'test',
    requestedAt: nodeClock.wall(),
  } as const
  const shot = { id: 1, rung: 'soft', device: { kind: 'bmc' }, action: 'nmi' } as const
  const conclusion = { result: 'FAIL', fenced: false, grade: 'unknown', evidence: [] } as const
  return [
    { kind: 'accepted', order: ORDER, token: null, request, plan: PLAN, mono },
    { kind: 'intent', order: ORDER, shot, mono },
    { kind: 'concluded', order: ORDER, conclusion: { ...conclusion, evidence: [] }, mono },
    { kind: 'ended', order: ORDER },
    { kind: 'settled', order: ORDER, shot: 1, detail: 'a later answer of the device settled it' },
  ]
}

async function struckAtStart(bodies: Body[]): Promise<string[]> {
  const directory = await place()
  const before = await openAt(directory)
  await before.append(bodies)
  await before.close()
  const journal = await openAt(directory)
  const clock = nodeClock
  const loose = createLooseShots(clock, () => {})
  const events = { linkChanged: () => {}, heard: () => {} }
  const bindingsFile = `${directory}/bindings.json`
  const devices = new Devices({ clock, random: nodeRandom, events, bindingsFile })
  const nothing = () => {}
  const executor = new Executor({
    ...{ clock, bootId: BOOT, journal, devices, loose },
    ...{ struck: nothing, concluded: nothing, finished: nothing, ended: nothing, failed: nothing },
  })
  const struck: string[] = []
  await resumeOrders({
    ...{ site: undefined, clock, bootId: BOOT, journal, executor, loose },
    stopped: nothing,
    struck: (server) => struck.push(server),
  })
  return struck
}

test('an effect that was settled a moment before the start keeps the partner closed', async () => {
  expect(await struckAtStart(history(nodeClock.now()))).toEqual([PLAN.server])
})

test('one that was settled before something older than a minute does not', async () => {
  const mono = { bootId: BOOT, ms: nodeClock.now() - 61_000 }
  const system = { cluster: 'db', number: 1, address: '192.0.2.1', port: 6001 }
  const heard = { order: null, server: 'S2', system, address: '192.0.2.1', port: 40_000 }
  const later: Body = { kind: 'noticed', ...heard, mono }
  expect(await struckAtStart([...history(mono.ms), later])).toEqual([])
})
