import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { World } from '../../cli/world.ts'
import type { ResetOrder } from '../../protocol/order.ts'
import type { Body, BodyOf } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'
import { type LosingProxy, openLosingProxy } from './losing-proxy.ts'
import { MONO, type PlayedAgent, type PlayedOrder } from './played-agent.ts'
import { openControlPlane, SITE_YAML, type SiteOnControlPlane } from './site-on-control-plane.ts'

let here: SiteOnControlPlane
let agent: PlayedAgent
let proxy: LosingProxy

beforeAll(async () => {
  here = await openControlPlane()
  // Without the pair guard, or one completed reset would refuse the next.
  writeFileSync(here.siteFile, SITE_YAML.replaceAll('      pairGuard: true\n', ''))
  writeFileSync(join(here.directory, 'p1'), 'secret-of-p1\n')
  agent = await here.enrol('HACON1')
  const { exit, err } = await here.terminal().run('apply', '-f', here.siteFile)
  expect({ exit, err }).toEqual({ exit: 0, err: '' })
  proxy = await openLosingProxy(here.url)
}, 60_000)
afterEach(() => proxy.loseNext(0))
afterAll(async () => {
  proxy?.close()
  await here?.stop()
}, 30_000)

/** Waits between attempts are a hundredth of what they are. */
const HURRIED: Partial<World> = {
  clock: { ...nodeClock, after: (delayMs, callback) => nodeClock.after(delayMs / 100, callback) },
}

const SHOT = { id: 1, rung: 'hard', device: { kind: 'bmc' }, action: 'reset' } as const

function accepted({ order, token }: PlayedOrder): BodyOf<'accepted'> {
  const { id, plan, request } = order as ResetOrder
  return { kind: 'accepted', order: id, token, request, plan, mono: MONO }
}

const UNDECIDED: Conclusion = { result: 'FAIL', fenced: false, grade: 'unknown', evidence: [] }

type Conclusion = BodyOf<'concluded'>['conclusion']

function concluded(order: string, conclusion: Partial<Conclusion>): Body[] {
  const whole: Conclusion = { ...UNDECIDED, ...conclusion }
  return [
    { kind: 'concluded', order, conclusion: whole, mono: MONO },
    { kind: 'ended', order },
  ]
}

/** Accepts, sends one hard reset, and concludes as told. */
function playLadder(conclusion: Partial<Conclusion>) {
  agent.onOrder(async (played) => {
    const order = played.order.id
    await agent.report(accepted(played))
    await agent.report({ kind: 'intent', order, shot: SHOT, mono: MONO })
    await agent.report(
      {
        kind: 'answer',
        order,
        shot: 1,
        answer: 'accepted',
        detail: 'completion code 00',
        mono: MONO,
      },
      ...concluded(order, conclusion),
    )
  })
}

const REBOOT: Partial<Conclusion> = {
  result: 'REBOOT',
  fenced: true,
  grade: 'acknowledged',
  evidence: [{ source: 'bmc:PSERVER1', said: 'accepted a hard reset', at: nodeClock.wall() }],
}

describe('exit code', () => {
  test('0 for a fenced target, with a line for each step and the evidence', async () => {
    playLadder(REBOOT)
    const { exit, out } = await here.terminal().run('reset', 'PSERVER1', '--reason', 'drill')
    expect(exit).toBe(0)
    const lines = out.split('\n')
    expect(lines[0]).toMatch(
      /^reset rst_\w+ of PSERVER1 \(system 10001\), ladder, asked by key:admin$/,
    )
    expect(lines[1]).toMatch(/^ +\+0\.0 ms {2}RM-RESET {3}RECV$/)
    expect(lines[2]).toMatch(/^ +\+\d+\.\d ms {2}HARDRESET {2}SEND {2}reset$/)
    expect(lines[3]).toMatch(/^ +\+\d+\.\d ms {2}HARDRESET {2}RECV {2}reset$/)
    expect(out).toMatch(/^PSERVER1: complete, REBOOT, fenced, grade acknowledged, [\d.]+ ms$/m)
    expect(out).toContain('  evidence  bmc:PSERVER1: accepted a hard reset')
  })

  test('0 for a target named by its system number, as one JSON document', async () => {
    playLadder(REBOOT)
    const { exit, out, err } = await here
      .terminal()
      .run('reset', '10001', '--cluster', 'db', '--reason', 'drill', '--json')
    expect({ exit, err }).toEqual({ exit: 0, err: '' })
    expect(JSON.parse(out)).toMatchObject({ server: 'PSERVER1', system: 10_001, fenced: true })
  })

  test('1 for a reset that failed, with the reason', async () => {
    playLadder({ detail: 'outlet pdu-a/3 stays on' })
    const { exit, out } = await here.terminal().run('reset', 'PSERVER1', '--reason', 'drill')
    expect(exit).toBe(1)
    expect(out).toContain('PSERVER1: failed, FAIL, NOT fenced, grade unknown')
    expect(out).toContain('  why       outlet pdu-a/3 stays on')
  })

  test.each([
    [['NOBODY', '--reason', 'x'], 'unknown-server'],
    [['4711', '--reason', 'x'], 'unknown-system'],
    [['10001', '--reason', 'x', '--requester', '10001'], 'requester-is-target'],
  ])('3 for %j, which is refused at once', async (argv, code) => {
    const { exit, out, err } = await here.terminal().run('reset', ...argv)
    expect({ exit, out }).toEqual({ exit: 3, out: '' })
    expect(err).toContain(code)
    expect(err).toContain('next: ')
  })

  test('3 for a reset that the agent refuses after it was accepted', async () => {
    agent.onOrder(async ({ order, token }) => {
      const { id, request } = order as ResetOrder
      const why = {
        code: 'plan-changed',
        result: 'FAIL',
        detail: 'the agent has another plan',
      } as const
      await agent.report({ kind: 'refused', order: id, token, request, ...why })
    })
    const { exit, out } = await here.terminal().run('reset', 'PSERVER1', '--reason', 'drill')
    expect(exit).toBe(3)
    expect(out).toContain('  why       plan-changed: the agent has another plan')
  })

  test('4 while the outcome is not known, and the same key goes on with the same reset', async () => {
    let finish = async () => {}
    agent.onOrder(async (played) => {
      await agent.report(accepted(played))
      finish = () => agent.report(...concluded(played.order.id, REBOOT))
    })
    const ask = ['reset', 'PSERVER1', '--reason', 'drill', '--key', 'the-same']
    const waited = await here.terminal().run(...ask, '--wait', '1')
    expect(waited.exit).toBe(4)
    expect(waited.err).toMatch(
      /not decided after 1 s; the reset goes on\..* palisade show reset rst_/,
    )
    await finish()
    const again = await here.terminal().run(...ask)
    expect(again.exit).toBe(0)
    const id = /rst_\w+/.exec(waited.out)?.[0] ?? 'none'
    expect(again.out).toContain(id)
    const shown = await here.terminal().run('show', 'reset', id)
    expect(shown).toMatchObject({ exit: 0 })
    expect(shown.out).toContain('PSERVER1: complete, REBOOT, fenced')
  })

  test('4 when no answer ever comes: it may have been accepted', async () => {
    agent.onOrder(async () => {})
    proxy.loseNext(100)
    const terminal = here.terminal({ PALISADE_URL: proxy.url }, HURRIED)
    const { exit, err } = await terminal.run('reset', 'PSERVER2', '--reason', 'drill')
    expect(exit).toBe(4)
    expect(err).toMatch(/may have been accepted\nnext: run it again with --key [0-9a-f]{32}/)
  })

  test('1 when certainly nothing was sent', async () => {
    const gone = await openLosingProxy(here.url)
    gone.close()
    const terminal = here.terminal({ PALISADE_URL: gone.url, PALISADE_SITE: 'tokyo1' }, HURRIED)
    const { exit, err } = await terminal.run('reset', 'PSERVER1', '--reason', 'drill')
    expect(exit).toBe(1)
    expect(err).toContain('ECONNREFUSED')
  })
})

test('a lost answer makes the same request go out again with the same key: one reset, one ladder', async () => {
  let orders = 0
  playLadder(REBOOT)
  const count = async () => {
    const { out } = await here.terminal().run('show', 'resets', '--server', 'PSERVER1', '--json')
    return (JSON.parse(out) as { items: unknown[] }).items.length
  }
  agent.onOrder(async (played) => {
    orders += 1
    await agent.report(accepted(played), ...concluded(played.order.id, REBOOT))
  })
  const before = await count()
  proxy.keys.length = 0
  proxy.loseNext(2)
  const terminal = here.terminal({ PALISADE_URL: proxy.url })
  const { exit } = await terminal.run('reset', 'PSERVER1', '--reason', 'drill')
  expect(exit).toBe(0)
  expect(proxy.keys).toHaveLength(3)
  expect(new Set(proxy.keys).size).toBe(1)
  expect(await count()).toBe(before + 1)
  expect(orders).toBe(1)
})

test('a second request for the same server follows the open reset and ends like it', async () => {
  let finish = async () => {}
  agent.onOrder(async (played) => {
    await agent.report(accepted(played))
    finish = () => agent.report(...concluded(played.order.id, REBOOT))
  })
  const first = here.terminal()
  const running = first.run('reset', 'PSERVER1', '--reason', 'first')
  await expect.poll(() => first.soFar).toContain('RM-RESET')
  const second = here.terminal()
  const following = second.run('reset', 'PSERVER1', '--reason', 'second')
  await expect.poll(() => second.soFar).toContain('RM-RESET')
  await finish()
  const [one, two] = await Promise.all([running, following])
  expect([one.exit, two.exit]).toEqual([0, 0])
  expect(two.err).toMatch(/already open \(rst_\w+\); following that one/)
  expect(/rst_\w+/.exec(two.out)?.[0]).toBe(/rst_\w+/.exec(one.out)?.[0])
})

test('Ctrl-C ends the watching at once with exit code 4 and says that the reset goes on', async () => {
  let finish = async () => {}
  agent.onOrder(async (played) => {
    await agent.report(accepted(played))
    finish = () => agent.report(...concluded(played.order.id, REBOOT))
  })
  const terminal = here.terminal()
  const running = terminal.run('reset', 'PSERVER1', '--reason', 'drill')
  await expect.poll(() => terminal.soFar).toContain('RM-RESET')
  terminal.interrupt()
  const { exit, err } = await running
  expect(exit).toBe(4)
  expect(err).toMatch(/you stopped watching; the reset goes on\..* palisade show reset rst_/)
  await finish()
})

describe('restore', () => {
  function playRestore(status: 'done' | 'failed', detail: string) {
    agent.onOrder(async ({ order, token }) => {
      if (order.kind !== 'restore') return
      const { id, target, feeds, requestedBy } = order
      const started = { kind: 'operation', operation: 'restore', order: id, target, feeds } as const
      await agent.report({ ...started, requestedBy, token, mono: MONO })
      await agent.report({ kind: 'operation-ended', order: id, status, detail })
    })
  }

  test('ends with 0 when all feeds are read on', async () => {
    playRestore('done', '')
    const { exit, out } = await here.terminal().run('restore', 'PSERVER1')
    expect(exit).toBe(0)
    expect(out).toContain('PSERVER1: all feeds on')
  })

  test('ends with 1 and the reason when it failed, and with 3 when there is nothing to switch', async () => {
    playRestore('failed', 'outlet pdu-a/3 stays off')
    const failed = await here.terminal().run('restore', 'PSERVER1')
    expect(failed.exit).toBe(1)
    expect(failed.out).toContain('PSERVER1: restore failed: outlet pdu-a/3 stays off')
    const refused = await here.terminal().run('restore', 'PSERVER2')
    expect(refused.exit).toBe(3)
    expect(refused.err).toContain('no-feeds')
  })
})

describe('audit', () => {
  test('an export proves to be whole, and a changed one does not', async () => {
    const { exit, out } = await here.terminal().run('audit')
    expect(exit).toBe(0)
    const file = join(here.directory, 'audit.ndjson')
    writeFileSync(file, out)
    const offline = here.terminal({ PALISADE_TOKEN: '', PALISADE_URL: 'http://127.0.0.1:1' })
    const whole = await offline.run('audit', 'verify', file)
    expect(whole.exit).toBe(0)
    expect(whole.out).toMatch(/HACON1 +tokyo1 +1–\d+ +0 +0 +\d+ +OK/)

    writeFileSync(file, out.replace('"REBOOT"', '"POFF"'))
    const changed = await offline.run('audit', 'verify', file, '--json')
    expect(changed.exit).toBe(1)
    expect(JSON.parse(changed.out)).toMatchObject({ whole: false })
    expect((await offline.run('audit', 'verify', join(here.directory, 'none'))).exit).toBe(2)
  })

  test('the reset log has the five kinds in its text form', async () => {
    const log = await here.terminal().run('audit', '--format', 'resetlog', '--tz', 'UTC')
    expect(log.exit).toBe(0)
    expect(log.out).toMatch(
      /^\[\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d:\d{6}\] HARDRESET PSERVER1 10001 SEND/m,
    )
    const asJson = await here
      .terminal()
      .run('audit', '--format', 'resetlog', '--tz', 'UTC', '--json')
    expect(JSON.parse(asJson.out).lines.join('\n')).toBe(log.out.trimEnd())
    const zone = await here.terminal().run('audit', '--format', 'resetlog', '--tz', 'Mars')
    expect(zone.exit).toBe(3)
  })
})
