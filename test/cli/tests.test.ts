import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PduTestOrder, SoftResetTestOrder } from '../../protocol/order.ts'
import type { Body, BodyOf } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'
import { MONO, type PlayedAgent, type PlayedOrder } from './played-agent.ts'
import { openControlPlane, SITE_YAML, type SiteOnControlPlane } from './site-on-control-plane.ts'

let here: SiteOnControlPlane
let agent: PlayedAgent
const orders: string[] = []

beforeAll(async () => {
  here = await openControlPlane()
  const twoFeeds = 'feeds: [{ pdu: pdu-a, outlet: 3 }, { pdu: pdu-a, outlet: 4 }]'
  writeFileSync(here.siteFile, SITE_YAML.replace('feeds: [{ pdu: pdu-a, outlet: 3 }]', twoFeeds))
  writeFileSync(join(here.directory, 'p1'), 'secret-of-p1\n')
  agent = await here.enrol('HACON1')
  const { exit, err } = await here.terminal().run('apply', '-f', here.siteFile)
  expect({ exit, err }).toEqual({ exit: 0, err: '' })
}, 60_000)
afterAll(() => here?.stop(), 30_000)

/** Begins the operation that was ordered and reports what else it is told. */
function play(bodies: (order: string) => Body[]) {
  agent.onOrder(async ({ order, token }: PlayedOrder) => {
    orders.push(order.kind)
    const { id, kind, target, requestedBy } = order as PduTestOrder | SoftResetTestOrder
    const record: BodyOf<'operation'> = {
      kind: 'operation',
      order: id,
      operation: kind,
      target,
      ...(order.kind === 'soft-reset-test' ? { system: order.system } : {}),
      feeds: order.kind === 'pdu-test' ? order.feeds : [],
      ...(order.kind === 'pdu-test' ? { test: order.test } : {}),
      requestedBy,
      token,
      mono: MONO,
    }
    await agent.report(record, ...bodies(id))
  })
}

const NMI = { id: 1, rung: 'soft', device: { kind: 'bmc' }, action: 'nmi' } as const
const SYSTEM = { cluster: 'db', number: 10001, address: '127.0.9.101', port: 6001 }

const stopped = (order: string): Body[] => [
  { kind: 'intent', order, shot: NMI, mono: MONO },
  { kind: 'answer', order, shot: 1, answer: 'accepted', detail: '', mono: MONO },
  {
    kind: 'noticed',
    order,
    server: 'PSERVER1',
    system: SYSTEM,
    address: SYSTEM.address,
    port: 7410,
    mono: { ...MONO, ms: MONO.ms + 1640 },
  },
  { kind: 'operation-ended', order, status: 'done', detail: 'stopped' },
]

async function* typed(...lines: string[]) {
  yield* lines
}

describe('test soft-reset', () => {
  const argv = ['test', 'soft-reset', 'PSERVER1', '--system', '10001']

  test('asks whether it is meant, and does nothing on any other answer', async () => {
    play(stopped)
    for (const lines of [[], ['y'], ['PSERVER2']]) {
      const terminal = here.terminal({}, { readLines: () => typed(...lines) })
      const { exit, err } = await terminal.run(...argv)
      expect(exit).toBe(2)
      expect(err).toContain('this really stops system 10001 on PSERVER1')
      expect(err).toContain('not-confirmed')
    }
    expect(orders).toEqual([])
  })

  test('goes on when the name of the server is typed, and tells the time to the notice', async () => {
    play(stopped)
    const terminal = here.terminal({}, { readLines: () => typed('PSERVER1') })
    const { exit, out } = await terminal.run(...argv)
    expect(exit).toBe(0)
    expect(out).toMatch(/SOFTRESET +SEND/)
    expect(out).toMatch(/ATTENTION +RECV +DUMP, from 127.0.9.101 port 7410, system 10001/)
    expect(out).toContain('PSERVER1: test passed: stopped')
    expect(out).toContain('  stop notice after 1640.0 ms')
    expect(orders).toEqual(['soft-reset-test'])
  })

  test('what was measured shows in drill times with the timer that it calls for', async () => {
    const { exit, out } = await here.terminal().run('drill', 'times', 'PSERVER1')
    expect(exit).toBe(0)
    expect(out).toMatch(/PSERVER1 +1 +1640\.0 ms +5000 +2200 +--/)
    const unknown = await here.terminal().run('drill', 'times', 'NOBODY')
    expect(unknown.exit).toBe(3)
    expect(unknown.err).toContain('unknown-server')
  })

  test('a system of another server is refused with exit code 3', async () => {
    const { exit, err } = await here
      .terminal()
      .run('test', 'soft-reset', 'PSERVER1', '--system', '10002', '--yes')
    expect(exit).toBe(3)
    expect(err).toContain('unknown-system')
  })
})

describe('test pdu', () => {
  test('names where each feed leads, and fails for a mis-cabled one', async () => {
    const lostAt = nodeClock.wall()
    const loss = { sensor: 0x51, what: 'input lost', lostAt, returnedAt: lostAt }
    play((order) => [
      {
        kind: 'operation-ended',
        order,
        status: 'failed',
        code: 'mis-cabled',
        detail: 'pdu-a/3 feeds PSERVER2',
        feeds: [
          { pdu: 'pdu-a', outlet: 3, verdict: 'mis-cabled', loss: { ...loss, server: 'PSERVER2' } },
          { pdu: 'pdu-a', outlet: 4, verdict: 'right', loss: { ...loss, server: 'PSERVER1' } },
        ],
        wiringProven: false,
      },
    ])
    const { exit, out } = await here.terminal().run('test', 'pdu', 'PSERVER1', '--mode', 'serial')
    expect(exit).toBe(1)
    expect(out).toContain('PSERVER1: test failed: mis-cabled: pdu-a/3 feeds PSERVER2')
    expect(out).toContain('feed  pdu-a/3: mis-cabled, supply 51h of PSERVER2, lost ')
    expect(out).toContain('feed  pdu-a/4: right, supply 51h of PSERVER1, lost ')
  })

  test('warns of an off time above ten seconds', async () => {
    play((order) => [{ kind: 'operation-ended', order, status: 'done', detail: 'fine' }])
    const { exit, err } = await here
      .terminal()
      .run('test', 'pdu', 'PSERVER1', '--mode', 'serial', '--off-time', '11')
    expect(exit).toBe(0)
    expect(err).toContain('may stay dead')
  })

  test('what the agent refuses ends with exit code 3 and its reason', async () => {
    agent.onOrder(async ({ order, token }) => {
      await agent.report({
        kind: 'refused',
        order: order.id,
        token,
        code: 'outlet-not-on',
        result: null,
        detail: 'outlet pdu-a/4 is Disable, not Enable',
        request: null,
      })
    })
    const { exit, out } = await here.terminal().run('test', 'pdu', 'PSERVER1', '--mode', 'serial')
    expect(exit).toBe(3)
    expect(out).toContain('outlet-not-on: outlet pdu-a/4 is Disable')
  })

  test.each([
    [['--mode', 'same', '--pdu', 'pdu-a'], '--mode serial only'],
    [['--mode', 'serial', '--leave-up'], '--mode same only'],
    [['--mode', 'serial', '--off-time', '4'], 'from 5 to 60'],
    [[], '--mode is missing'],
  ])('%j is a usage error', async (argv, words) => {
    const { exit, err } = await here.terminal().run('test', 'pdu', 'PSERVER1', ...argv)
    expect(exit).toBe(2)
    expect(err).toContain(words)
  })

  test('mode same asks first', async () => {
    const terminal = here.terminal({}, { readLines: () => typed('no') })
    const { exit, err } = await terminal.run('test', 'pdu', 'PSERVER1', '--mode', 'same')
    expect(exit).toBe(2)
    expect(err).toContain('cuts all feeds of PSERVER1 and stops it')
  })
})
