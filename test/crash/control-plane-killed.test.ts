// The control plane killed with -9 at every stage of a reset: the client asks again with its key, and there is
// one reset, one ladder and one terminal record, whatever had been stored, sent or answered.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resetId } from '../../protocol/reset-id.ts'
import type { ResetView } from '../../protocol/reset-view.ts'
import { ownPostgres } from '../e2e/own-postgres.ts'
import { startLabSite } from '../e2e/palisade.ts'
import { Closing, until } from '../e2e/programs.ts'
import { findPostgres } from '../postgres.ts'
import { GATES, type Gate, HeldDatabase } from './held-database.ts'
import { announce, chance, FULL, pick } from './seed.ts'

/** Neither guarded nor slow: a hard reset is over with its answer. */
const SERVERS = ['PSERVER5', 'PSERVER6'] as const
type ServerName = (typeof SERVERS)[number]
const SWEEP_STEP_MS = 0.5
const SWEEP_STEPS = 61
const SLICE_KILLS = 3
const SLICE_GATES = 2
/** An agent waits longer after each loss of its link: started anew it forgets that. */
const AGENT_FORGETS_AFTER = 3
const ASKED_WITHIN_MS = 60_000

const closing = new Closing()
let rig: Awaited<ReturnType<typeof startLabSite>>
let database: HeldDatabase

announce('kills of the control plane')
const next = chance('control plane')
const run = findPostgres() === undefined ? test.skip : test

beforeAll(async () => {
  if (findPostgres() === undefined) return
  const url = await ownPostgres(closing)
  if (url === undefined) throw new Error('Postgres was there a moment ago')
  rig = await startLabSite(closing, url)
  database = await HeldDatabase.open(url)
  closing.add(() => database.close())
}, 120_000)

afterAll(() => closing.run())

interface Asked {
  key: string
  server: ServerName
  id: string
  shotsBefore: number
  answered: Promise<boolean>
}

let asked = 0

async function ask(server: ServerName): Promise<Asked> {
  asked += 1
  const key = `crash-${asked}`
  const { bmc } = await rig.lab.oracle.server(server)
  const answered = rig.api.reset({ target: { server }, mode: 'hard' }, key).then(
    () => true,
    () => false,
  )
  const id = resetId(rig.name, key)
  return { key, server, id, shotsBefore: bmc.executed.reset, answered }
}

/** Asks again with the same key until it is answered, as a client should, and waits for the end. */
async function askAgain({ key, server, id }: Asked): Promise<ResetView> {
  const view = await until(`an answer to ${key}`, ASKED_WITHIN_MS, () =>
    rig.api.reset({ target: { server }, mode: 'hard' }, key),
  )
  expect(view.id).toBe(id)
  return await rig.api.end(id, ASKED_WITHIN_MS)
}

/** By what reached the machine and by what is stored. */
async function ranOnce({ server, id, shotsBefore }: Asked, end: ResetView): Promise<void> {
  expect(end).toMatchObject({ status: 'complete', result: 'REBOOT', fenced: true })
  const { bmc } = await rig.lab.oracle.server(server)
  expect(bmc.executed.reset - shotsBefore, `hard resets of ${server}`).toBe(1)
  expect(await database.recordsOf(id)).toMatchObject({ accepted: 1, concluded: 1, ended: 1 })
  const rows = await database.sql`select 1 from resets where id = ${id}`
  expect(rows).toHaveLength(1)
}

const allGates = Object.keys(GATES) as Gate[]
run.each(FULL ? allGates : pick(allGates, SLICE_GATES, next))(
  'killed %s: one reset, one ladder, one end',
  async (gate) => {
    await database.hold(gate)
    const request = await ask('PSERVER6')
    await database.waits()
    await rig.controlPlane.program.kill()
    await database.release(gate)
    await rig.controlPlane.start()
    await ranOnce(request, await askAgain(request))
  },
  120_000,
)

run(
  'killed at any instant from the request on: one reset, one ladder, one end',
  async () => {
    const steps = Array.from({ length: SWEEP_STEPS }, (_, step) => step * SWEEP_STEP_MS)
    const delays = FULL ? steps : pick(steps, SLICE_KILLS, next)
    const stages = new Map<string, number>()
    for (const [count, delayMs] of delays.entries()) {
      if (count % AGENT_FORGETS_AFTER === 0) await startAgentAnew()
      const requests = await Promise.all(SERVERS.map(ask))
      await preciseSleep(delayMs)
      await rig.controlPlane.program.kill()
      for (const { id, answered } of requests) {
        const stage = `${await database.stageOf(id)}${(await answered) ? ', answered' : ''}`
        stages.set(stage, (stages.get(stage) ?? 0) + 1)
      }
      await rig.controlPlane.start()
      const ends = await Promise.all(requests.map(askAgain))
      for (const [index, request] of requests.entries()) {
        const end = ends[index]
        if (end) await ranOnce(request, end)
      }
    }
    const told = [...stages].map(([stage, count]) => `${stage} ${count}`).join('; ')
    console.log(
      `[crash] control plane: ${delays.length} kills, ${delays.length * SERVERS.length} requests; ${told}`,
    )
    const exported = await rig.palisade(['audit'])
    const proof = await rig.palisade(['audit', 'verify', '-'], { input: exported.stdout })
    expect(proof.code, proof.stdout + proof.stderr).toBe(0)
  },
  FULL ? 1_800_000 : 240_000,
)

async function startAgentAnew(): Promise<void> {
  await rig.agent.program.kill()
  rig.agent.start()
  await rig.api.allLinksOk()
}

/** Timers round up to milliseconds. */
async function preciseSleep(ms: number): Promise<void> {
  const end = performance.now() + ms
  await sleep(Math.floor(ms))
  while (performance.now() < end) await new Promise((resolve) => setImmediate(resolve))
}
