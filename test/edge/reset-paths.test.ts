// Whether each server could be reset now, from what the agent reported and whether it is there.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Body } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'
import { startTestPlane, type TestPlane, until } from './control-plane.ts'
import { siteFile } from './site.ts'
import { TestAgent } from './test-agent.ts'

let plane: TestPlane
let agent: TestAgent

beforeAll(async () => {
  plane = await startTestPlane()
  agent = await TestAgent.enrolled(plane, 'lab', 'HACON1')
  const applied = await plane.ask('/v1/sites/lab', { method: 'PUT', body: siteFile() })
  expect(applied.status).toBe(200)
})
afterAll(() => plane.stop())

type Observed = Extract<Body, { kind: 'observed' }>

function observed(
  subject: Observed['subject'],
  name: string,
  attribute: Observed['attribute'],
  value: string,
  detail = '',
): Body {
  return { kind: 'observed', subject, name, attribute, value, detail, readAt: nodeClock.wall() }
}

async function pathOf(server: string) {
  const { status, body } = await plane.ask('/v1/sites/lab/reset-paths')
  expect(status).toBe(200)
  return body.items.find((item: { server: string }) => item.server === server)
}
const codesOf = (problems: { code: string }[]) => problems.map(({ code }) => code)

test('before its agent was ever there nothing can be reset, and the reason says so', async () => {
  const path = await pathOf('PSERVER1')
  expect(path).toMatchObject({ resettable: false, redundant: false, worstMs: null })
  expect(path.problems).toContainEqual({
    code: 'no-active-agent',
    subject: 'PSERVER1',
    detail: 'no agent is connected: look at HACON1',
  })
  expect(path.systems).toEqual([{ cluster: 'db', number: 10001, name: 'db-a' }])
})

test('with links read by a connected agent it can, and what is not proven yet is named', async () => {
  await agent.connect()
  await agent.tell(
    observed('server', 'PSERVER1', 'bmc', 'OK'),
    observed('server', 'PSERVER1', 'identity', 'proven'),
    observed('server', 'PSERVER1', 'reset', 'unproven'),
    observed('pdu', 'pdu-a', 'link', 'OK'),
    observed('outlet', 'pdu-a/3', 'state', 'Enable'),
  )
  const path = await pathOf('PSERVER1')
  expect(path).toMatchObject({ resettable: true, redundant: false })
  expect(path.rungs.map(({ rung }: { rung: string }) => rung)).toEqual(['soft', 'hard', 'pdu'])
  expect(codesOf(path.problems)).toEqual(['agent-not-redundant'])
  expect(codesOf(path.warnings)).toEqual(['wiring-unproven', 'never-seen-to-work'])
})

test('the warning that a reset was never seen to work ends when one was', async () => {
  await agent.tell(observed('server', 'PSERVER1', 'reset', 'proven'))
  expect(codesOf((await pathOf('PSERVER1')).warnings)).toEqual(['wiring-unproven'])
})

test('a PDU out of reach makes it not resettable, in the metrics as well', async () => {
  const metric = async () => {
    const { body } = await plane.ask('/metrics')
    return /palisade_reset_path_ok\{site="lab",server="PSERVER1"\} (\d)/.exec(body)?.[1]
  }
  expect(await metric()).toBe('1')
  await agent.tell(observed('pdu', 'pdu-a', 'link', 'NG', 'no answer'))
  const path = await pathOf('PSERVER1')
  expect(path.resettable).toBe(false)
  expect(path.problems[0]).toEqual({
    code: 'pdu-unreachable',
    subject: 'pdu-a',
    detail: 'PDU pdu-a does not answer: no answer',
  })
  expect(await metric()).toBe('0')
})

test('in the metrics all lines of one name stand together', async () => {
  const { body } = await plane.ask('/metrics')
  const names = (body as string)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('{')[0])
  const changes = names.filter((name, index) => name !== names[index - 1])
  expect(new Set(changes).size).toBe(changes.length)
  expect(changes).toContain('palisade_reset_path_redundant')
})

test('what an agent read that has gone since vouches for nothing', async () => {
  agent.hangUp()
  const path = await until('the agent has gone', async () => {
    const seen = await pathOf('PSERVER1')
    return seen.rungs.every(({ ready }: { ready: boolean }) => !ready) && seen
  })
  expect(codesOf(path.problems)).toEqual([
    'no-active-agent',
    'bmc-unreachable',
    'pdu-unreachable',
    'agent-not-redundant',
  ])
})

test('a reader of another site is told nothing, a site without a document says so', async () => {
  const token = await plane.token({ name: 'other', scope: 'read', site: 'elsewhere' })
  expect((await plane.ask('/v1/sites/lab/reset-paths', { token })).body.code).toBe('unknown-site')
  await TestAgent.enrolled(plane, 'bare', 'HACON9')
  expect((await plane.ask('/v1/sites/bare/reset-paths')).body.code).toBe('site-not-configured')
})
