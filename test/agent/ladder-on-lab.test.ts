// The judged scenarios over real IPMI and SNMP, on physical models (spec domain.md §3). Each server plays
// its own scenario, so that they run side by side.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SiteOnLab } from './site-on-lab.ts'

let lab: SiteOnLab

beforeAll(async () => {
  lab = await SiteOnLab.open()
  await lab.ready()
})
afterAll(() => lab?.close())

const kinds = (view: { steps: { kind: string; direction: string }[] }) =>
  view.steps.map(({ kind, direction }) => `${kind} ${direction}`)

test.concurrent('a dump notice in time completes the reset, and nothing harder is sent', async () => {
  const order = await lab.order({ system: 10001, requester: 10002 })
  const view = await lab.decided(order)
  expect(view).toMatchObject({
    result: 'DUMP',
    fenced: true,
    grade: 'acknowledged',
    status: 'complete',
    server: 'PSERVER1',
    system: 10001,
    requester: 10002,
  })
  expect(kinds(view)).toEqual([
    'RM-RESET RECV',
    'SOFTRESET SEND',
    'SOFTRESET RECV',
    'ATTENTION RECV',
    'ATTENTION SEND',
    'ATTENTION SEND',
    'RM-RESET SEND',
  ])
  const { bmc, os } = lab.model('PSERVER1')
  expect(bmc.executed).toMatchObject({ nmi: 1, reset: 0, off: 0, cycle: 0 })
  expect(os.state).toBe('panicked')
})
