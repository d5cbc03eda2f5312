import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FeedFinding, OperationEnding } from '../../core/operation.ts'
import type { PduTestOrder } from '../../protocol/order.ts'
import type { Body } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'
import { MONO, type PlayedAgent } from './played-agent.ts'
import { openControlPlane, SITE_YAML, type SiteOnControlPlane } from './site-on-control-plane.ts'

const SECOND = `[
    { name: HACON1 },
    { name: HACON2, feeds: [{ pdu: pdu-a, outlet: 1 }, { pdu: pdu-a, outlet: 2 }],
      bmc: { protocol: ipmi, address: 127.0.9.12, username: operator, password: secret-of-h2 } } ]`
const YAML = SITE_YAML.replace('[{ name: HACON1 }]', SECOND)
  .replace('outlet: 3 }]', 'outlet: 3 }, { pdu: pdu-a, outlet: 4 }]')
  .replace(
    'password: secret-of-p2 }',
    'password: secret-of-p2 }\n      feeds: [{ pdu: pdu-a, outlet: 5 }, { pdu: pdu-a, outlet: 6 }]',
  )

let here: SiteOnControlPlane
let agent: PlayedAgent
let orders: PduTestOrder[] = []

beforeAll(async () => {
  here = await openControlPlane()
  writeFileSync(here.siteFile, YAML)
  writeFileSync(join(here.directory, 'p1'), 'secret-of-p1\n')
  agent = await here.enrol('HACON1')
  const { exit, err } = await here.terminal().run('apply', '-f', here.siteFile)
  expect({ exit, err }).toEqual({ exit: 0, err: '' })
  await agent.report(...['PSERVER1', 'PSERVER2'].flatMap(healthy))
}, 60_000)
afterAll(() => here?.stop(), 30_000)
beforeEach(() => {
  orders = []
})

const healthy = (name: string): Body[] =>
  (['power', 'bmc', 'pdu'] as const).map((attribute) => ({
    kind: 'observed',
    subject: 'server',
    name,
    attribute,
    value: attribute === 'power' ? 'pon' : 'OK',
    detail: '',
    readAt: nodeClock.wall(),
  }))

function right({ feeds, target: { server } }: PduTestOrder): OperationEnding {
  const lostAt = nodeClock.wall()
  const found = feeds.map(({ pdu, outlet }, index): FeedFinding => {
    const loss = { server, sensor: 0x51 + index, what: 'input lost', lostAt, returnedAt: lostAt }
    return { pdu, outlet, verdict: 'right', loss }
  })
  return { status: 'done', detail: 'each came back', feeds: found }
}

/** Cuts as it is ordered, then ends as it is told; without an ending the test stays under way. */
function play(endingOf: (order: PduTestOrder) => OperationEnding | undefined) {
  agent.onOrder(async ({ order, token }) => {
    if (order.kind !== 'pdu-test') throw new Error(order.kind)
    orders.push(order)
    const { id, target, feeds, test: asked, requestedBy } = order
    const [first] = feeds
    const device = { kind: 'outlet' as const, pdu: 'pdu-a', outlet: first?.outlet ?? 0 }
    const record = { order: id, operation: 'pdu-test' as const, target, feeds, test: asked }
    const shot = { id: 1, rung: 'pdu' as const, device, action: 'off' as const }
    await agent.report(
      { kind: 'operation', ...record, requestedBy, token, mono: MONO },
      { kind: 'intent', order: id, shot, mono: MONO },
    )
    const ending = endingOf(order)
    if (ending) await agent.report({ kind: 'operation-ended', order: id, ...ending } as Body)
  })
}

const names = () => orders.map(({ target }) => target.server)
const drill = (...argv: string[]) => here.terminal().run('drill', '--trust-unregistered', ...argv)

describe('drill', () => {
  test('tells the plan and how long it takes, and cuts nothing in a dry run', async () => {
    play(right)
    const { exit, out } = await drill('--dry-run')
    expect(exit).toBe(0)
    expect(out).toMatch(/PSERVER1 +P +pdu-a\/3 pdu-a\/4 +waiting/)
    expect(out).toMatch(/HACON2 +M +pdu-a\/1 pdu-a\/2 +waiting/)
    // Twice 26 s, and 76 s for the management server.
    expect(out).toContain('about 2 min for 3 machines')
    const strict = await here.terminal().run('drill', '--dry-run', '--json')
    const { machines } = JSON.parse(strict.out)
    expect(machines[0]).toMatchObject({ status: 'not-tested', code: 'no-healthy-partner' })
    expect(orders).toEqual([])
  })

  test('asks whether it is meant, and does nothing on any other answer', async () => {
    play(right)
    const terminal = here.terminal({}, { readLines: () => typed('PSERVER1') })
    const { exit, err } = await terminal.run('drill', '--trust-unregistered')
    expect(exit).toBe(2)
    expect(err).toContain('cuts one supply after the other of 3 machines of site tokyo1')
    expect(orders).toEqual([])
  })

  test('runs machine by machine to its verdict, which is found again by its id', async () => {
    play(right)
    const terminal = here.terminal({}, { readLines: () => typed('tokyo1') })
    const { exit, out, err } = await terminal.run('drill', '--trust-unregistered')
    expect(out).toContain('PSERVER1  running  pdu-a/3, pdu-a/4  (about 2 min left)')
    expect(out).toContain('PSERVER1  passed  pdu-a/3 right, pdu-a/4 right')
    expect(out).toMatch(/HACON2 +pdu-a\/2 +right +52h of HACON2 +opr_/)
    expect(out).toMatch(/exercise exr_\w+: passed: 3 of 3 machines passed/)
    expect(exit).toBe(0)
    expect(names()).toEqual(['PSERVER1', 'PSERVER2', 'HACON2'])
    const [id = ''] = /exr_\w+/.exec(err) ?? []
    const shown = await here.terminal().run('drill', 'show', id)
    expect(shown.exit).toBe(0)
    expect(shown.out).toMatch(/PSERVER2 +pdu-a\/6 +right +52h of PSERVER2/)
    const audit = await here.terminal().run('audit')
    expect(audit.out.split('\n').filter((line) => line.includes(id))).toHaveLength(3)
    expect((await here.terminal().run('drill', 'show', 'exr_nothing')).exit).toBe(3)
  })

  test('stops at a reset and says why, with exit code 1', async () => {
    const detail = 'a reset of PSERVER1 was asked for'
    play(() => ({ status: 'aborted', detail }))
    const { exit, out } = await drill('--yes')
    expect(exit).toBe(1)
    expect(out).toContain(`stopped: test-aborted: the test of PSERVER1 was ended: ${detail}`)
    expect(names()).toEqual(['PSERVER1'])
  })

  test('when nobody watches any more nothing more is cut, and the same key goes on', async () => {
    let cut: () => void = () => {}
    const cutting = new Promise<void>((resolve) => {
      cut = resolve
    })
    play(() => void cut())
    const terminal = here.terminal()
    const running = terminal.run('drill', '--trust-unregistered', '--yes', '--key', 'this-year')
    await cutting
    while (!terminal.soFar.includes('PSERVER1  running')) await new Promise(setImmediate)
    terminal.interrupt()
    const { exit, err } = await running
    expect(exit).toBe(4)
    expect(err).toContain('palisade drill --key this-year')
    expect(err).toContain('nothing more is cut')
    const [under] = orders
    if (!under) throw new Error('no test')
    await agent.report({ kind: 'operation-ended', order: under.id, ...right(under) } as Body)
    expect(names()).toEqual(['PSERVER1'])

    play(right)
    const { exit: end, out } = await drill('--yes', '--key', 'this-year')
    expect(end).toBe(0)
    expect(out).toMatch(/PSERVER1 +P +pdu-a\/3 pdu-a\/4 +passed/)
    expect(names()).toEqual(['PSERVER1', 'PSERVER2', 'HACON2'])
    const { exit: again } = await drill('--yes', '--key', 'this-year')
    expect([again, orders.length]).toEqual([0, 3])
  })

  test('warns of an off time above ten seconds, and refuses one out of range', async () => {
    const { err } = await drill('--dry-run', '--off-time', '11')
    expect(err).toContain('may stay dead')
    const wrong = await drill('--dry-run', '--off-time', '61')
    expect([wrong.exit, wrong.err]).toEqual([2, expect.stringContaining('from 5 to 60')])
  })
})

describe('a management server', () => {
  test('is tested under its name, with the times that go with it', async () => {
    play(right)
    const { exit, out } = await here.terminal().run('test', 'pdu', 'HACON2', '--mode', 'serial')
    expect([exit, out]).toEqual([0, expect.stringContaining('HACON2: test passed')])
    expect(orders[0]).toMatchObject({ target: { class: 'M' }, test: { offTimeMs: 30_000 } })
  })

  test('is not tested by the agent that runs on it', async () => {
    const argv = ['test', 'pdu', 'HACON1', '--mode', 'same', '--yes']
    const { exit, err } = await here.terminal().run(...argv)
    expect([exit, err]).toEqual([3, expect.stringContaining('own-management-server')])
    expect(err).toContain('next: test it by the agent of the other management server')
  })

  test.each([
    [['--mode', 'serial', '--off-time', '29'], 'from 30 to 60'],
    [['--mode', 'serial', '--pdu', 'pdu-a'], 'do not go with a management server'],
    [['--mode', 'same', '--leave-up'], 'do not go with a management server'],
  ])('%j is a usage error', async (argv, words) => {
    const { exit, err } = await here.terminal().run('test', 'pdu', 'HACON2', ...argv)
    expect([exit, err]).toEqual([2, expect.stringContaining(words)])
  })

  test('mode same asks first, and says what may have to be done by hand', async () => {
    const terminal = here.terminal({}, { readLines: () => typed('no') })
    const { exit, err } = await terminal.run('test', 'pdu', 'HACON2', '--mode', 'same')
    expect(exit).toBe(2)
    expect(err).toContain('powered on, and its agent started, by hand')
  })
})

async function* typed(...lines: string[]) {
  yield* lines
}
