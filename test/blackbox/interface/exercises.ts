import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FeedFinding } from '../../../core/operation.ts'
import type { PduTestOrder } from '../../../protocol/order.ts'
import type { Body } from '../../../protocol/report.ts'
import { nodeClock } from '../../../runtime/node.ts'
import { sealed, siteFile } from '../../edge/site.ts'
import { MONO, TestAgent } from '../../edge/test-agent.ts'
import { type Answer, type Ask, type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'
import { freshName } from './names.ts'

const both = (outlet: number) => [
  { pdu: 'pdu-a', outlet },
  { pdu: 'pdu-b', outlet },
]

/** A pair with two feeds each, and two management servers of which the agent runs on the first. */
function pairSite(name: string) {
  const file = siteFile(name)
  const { pdus, servers, clusters } = file.spec
  const [pdu] = pdus
  const managing = (own: string, last: number, outlet: number) => ({
    name: own,
    bmc: { protocol: 'ipmi', address: `192.168.1.${last}`, username: 'admin', password: sealed },
    feeds: both(outlet),
  })
  const pair = servers.slice(0, 2).map((server, index) => ({
    ...server,
    pduControl: true,
    hardResetTimeoutS: 5,
    pduRecoveryWaitS: 10,
    feeds: both(3 + index),
  }))
  return {
    ...file,
    spec: {
      ...file.spec,
      managementServers: [managing('HACON1', 11, 1), managing('HACON2', 12, 2)],
      pdus: [pdu, { ...pdu, name: 'pdu-b', address: '192.168.1.102' }],
      servers: pair,
      clusters: clusters.slice(0, 1),
    },
  }
}

const seen = (name: string, attribute: 'power' | 'bmc' | 'pdu', value: string): Body => {
  const subject = 'server' as const
  return { kind: 'observed', subject, name, attribute, value, detail: '', readAt: nodeClock.wall() }
}

function begun(order: PduTestOrder, token: string): Body {
  const { id, target, feeds, test, requestedBy } = order
  const operation = 'pdu-test' as const
  return {
    kind: 'operation',
    order: id,
    operation,
    target,
    feeds,
    test,
    requestedBy,
    token,
    mono: MONO,
  }
}

function cutBodies({ id, feeds: [first] }: PduTestOrder): Body[] {
  const device = { kind: 'outlet' as const, pdu: first?.pdu ?? '', outlet: first?.outlet ?? 0 }
  const shot = { id: 1, rung: 'pdu' as const, device, action: 'off' as const }
  return [{ kind: 'intent', order: id, shot, mono: MONO }]
}

function ended({ id, feeds, target }: PduTestOrder, changes: Partial<Body> = {}): Body {
  const at = nodeClock.wall()
  const right = feeds.map(({ pdu, outlet }, index): FeedFinding => {
    const loss = { server: target.server, sensor: 0x51 + index, what: 'input lost', lostAt: at }
    return { pdu, outlet, verdict: 'right', loss: { ...loss, returnedAt: at } }
  })
  const done = { status: 'done' as const, detail: 'each was lost and came back', feeds: right }
  return { kind: 'operation-ended', order: id, ...done, ...changes } as Body
}

export function exerciseTests(on: () => Target): void {
  describe('exercises', () => {
    let plane: Plane
    let agent: TestAgent
    let site = ''
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })
    beforeEach(async () => {
      site = freshName()
      await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: pairSite(site) })
      agent = await TestAgent.enrolled(plane, site, 'HACON1')
      await agent.connect()
      await healthy('PSERVER1', 'PSERVER2')
    })

    const healthy = (...names: string[]) =>
      agent.tell(
        ...names.flatMap((name) => [
          seen(name, 'power', 'pon'),
          seen(name, 'bmc', 'OK'),
          seen(name, 'pdu', 'OK'),
        ]),
      )
    const exercise = (options: Ask & { dryRun?: boolean } = {}): Promise<Answer> => {
      const { dryRun, ...ask } = options
      const body = { trustUnregistered: true }
      const query = dryRun ? '?dryRun=true' : ''
      return plane.ask(`/v1/sites/${site}/exercises${query}`, {
        method: 'POST',
        body,
        key: 'yearly',
        ...ask,
      })
    }
    const takeTest = async () => {
      const { order, token } = await agent.takeOrder()
      if (order.kind !== 'pdu-test') throw new Error(order.kind)
      return { order, token }
    }
    const told = ({ body }: Answer) =>
      body.machines.map(({ name, status }: { name: string; status: string }) => `${name} ${status}`)

    test('a dry run tells the order, what is left out and why, how long it takes, and starts nothing', async () => {
      const { status, body } = await exercise({ dryRun: true })
      expect(status).toBe(200)
      expect(body).toMatchObject({ status: 'planned', offTimeS: 5, waitTimeS: 5, startedAt: null })
      expect(body.leftS).toBe(2 * 26 + 76)
      expect(body.machines).toMatchObject([
        { name: 'PSERVER1', class: 'P', status: 'waiting' },
        { name: 'PSERVER2', class: 'P', status: 'waiting' },
        { name: 'HACON1', class: 'M', status: 'not-tested', code: 'own-management-server' },
        { name: 'HACON2', class: 'M', status: 'waiting' },
      ])
      const { body: unknown } = await plane.ask(`/v1/sites/${site}/exercises/${body.id}`)
      expect(unknown.code).toBe('unknown-exercise')
    })

    test('one test after the other, each asked for; what they showed is found by the id and in the audit', async () => {
      for (const [server, offTimeMs] of [
        ['PSERVER1', 5000],
        ['PSERVER2', 5000],
        ['HACON2', 30_000],
      ] as const) {
        const started = await exercise()
        expect(told(started)).toContain(`${server} running`)
        expect(told(await exercise()), 'asked again, nothing more starts').toEqual(told(started))
        const { order, token } = await takeTest()
        expect(order.target.server).toBe(server)
        const asked = { id: started.body.id, offTimeMs: 5000, trustUnregistered: true }
        expect(order.test).toMatchObject({ mode: 'serial', offTimeMs, exercise: asked })
        const waiting = plane.ask(`/v1/sites/${site}/exercises/${started.body.id}?wait=30`)
        await agent.tell(begun(order, token), ...cutBodies(order), ended(order))
        expect(told(await waiting)).toContain(`${server} passed`)
      }
      const { body } = await exercise()
      expect(body).toMatchObject({ status: 'incomplete', code: 'not-tested', leftS: 0 })
      expect(body.machines[0].outlets).toMatchObject([
        { pdu: 'pdu-a', outlet: 3, verdict: 'right', loss: { server: 'PSERVER1', sensor: 0x51 } },
        { pdu: 'pdu-b', outlet: 3, verdict: 'right', loss: { server: 'PSERVER1', sensor: 0x52 } },
      ])
      const audit: string = (await plane.ask(`/v1/audit?site=${site}`)).body
      const records = audit.split('\n').filter((line) => line.includes(body.id))
      expect(records).toHaveLength(3)
    })

    test('a reset ends the test, and the exercise with it', async () => {
      await exercise()
      const { order, token } = await takeTest()
      const detail = 'a reset of PSERVER1 was asked for'
      const aborted = { status: 'aborted' as const, detail, feeds: [] }
      await agent.tell(begun(order, token), ...cutBodies(order), ended(order, aborted))
      const { body } = await exercise()
      expect(body).toMatchObject({ status: 'stopped', code: 'test-aborted', leftS: 0 })
      expect(body.detail).toBe(`the test of PSERVER1 was ended: ${detail}`)
      expect(body.machines[1]).toMatchObject({ status: 'not-tested', code: 'stopped' })
      expect(body.endedAt).not.toBeNull()
    })

    test('systems that are not registered count only when told so', async () => {
      const { body } = await exercise({ body: {}, dryRun: true })
      const [first] = body.machines
      expect(first).toMatchObject({ status: 'not-tested', code: 'no-healthy-partner' })
      expect(first.detail).toContain('10002 on PSERVER2 is')
    })

    test('the partner of a server whose links are lost, or that nobody hears of, is spared', async () => {
      await agent.tell(seen('PSERVER2', 'bmc', 'NG'))
      expect(told(await exercise({ dryRun: true }))[0]).toBe('PSERVER1 not-tested')
      await agent.tell(seen('PSERVER2', 'bmc', 'OK'))
      expect(told(await exercise({ dryRun: true }))[0]).toBe('PSERVER1 waiting')
      await plane.ask('/v1/resets', {
        method: 'POST',
        body: { site, target: { server: 'PSERVER2' }, reason: 'x' },
      })
      const open = await exercise({ dryRun: true })
      expect(told(open).slice(0, 2)).toEqual(['PSERVER1 not-tested', 'PSERVER2 not-tested'])
      expect(open.body.machines[1].code).toBe('reset-in-progress')
    })

    test('what is asked for wrongly, or by the wrong one, starts nothing', async () => {
      const codes = ({ status, body }: Answer) => [status, body.code]
      expect(codes(await exercise({ body: { offTimeS: 4 } }))).toEqual([400, 'invalid-request'])
      const reader = await plane.token({ name: 'r', scope: 'read', site })
      expect((await exercise({ token: reader, dryRun: true })).status).toBe(200)
      const db = await plane.token({ name: 'a', scope: 'operate', site, cluster: 'db' })
      for (const token of [reader, db]) {
        expect(codes(await exercise({ token }))).toEqual([403, 'forbidden'])
      }
      const elsewhere = await plane.token({ name: 'e', scope: 'operate', site: 'elsewhere' })
      expect(codes(await exercise({ token: elsewhere }))).toEqual([404, 'unknown-site'])
      await exercise()
      const other = await exercise({ body: { offTimeS: 6, trustUnregistered: true } })
      expect(codes(other)).toEqual([422, 'idempotency-key-reused'])
      expect(codes(await exercise({ key: 'second' }))).toEqual([409, 'operation-in-progress'])
      agent.hangUp()
    })

    test('without an agent nothing is started', async () => {
      site = freshName()
      await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: pairSite(site) })
      const { status, body } = await exercise({ key: 'no agent' })
      expect([status, body.code]).toEqual([409, 'no-agent-connected'])
      const planned = await exercise({ key: 'no agent', dryRun: true })
      expect(planned.body.machines.at(-1)).toMatchObject({ code: 'no-agent-connected' })
    })

    test('a long off time is warned of', async () => {
      const { body } = await exercise({ body: { offTimeS: 11 }, dryRun: true })
      expect(body.warnings[0]).toContain('may stay dead')
    })
  })

  describe('management servers', () => {
    let plane: Plane
    let site = ''
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })
    beforeEach(async () => {
      site = freshName()
      await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: pairSite(site) })
    })

    const ask = (path: string, body?: unknown, options: Ask = {}) =>
      plane.ask(`/v1/sites/${site}/management-servers/${path}`, {
        method: 'POST',
        body,
        ...options,
      })
    const codes = ({ status, body }: Answer) => [status, body.code]

    test('the other one is tested with its own times, and its test stands under its own path', async () => {
      const agent = await TestAgent.enrolled(plane, site, 'HACON1')
      await agent.connect()
      const { status, body, headers } = await ask('HACON2/tests/pdu', { mode: 'serial' })
      expect(status).toBe(202)
      const test = { mode: 'serial', offTimeMs: 30_000, waitTimeMs: 5000 }
      expect(body).toMatchObject({ server: 'HACON2', class: 'M', test, warnings: [] })
      const place = `/v1/sites/${site}/management-servers/HACON2/tests/${body.id}`
      expect(headers.get('location')).toBe(place)
      expect((await plane.ask(place)).status).toBe(200)
      const asServer = place.replace('management-servers', 'servers')
      expect(codes(await plane.ask(asServer))).toEqual([404, 'unknown-operation'])
      const { order, token } = await agent.takeOrder()
      if (order.kind !== 'pdu-test') throw new Error(order.kind)
      expect(order.target).toEqual({ server: 'HACON2', class: 'M' })
      await agent.tell(begun(order, token), ...cutBodies(order), ended(order))
      expect((await plane.ask(place)).body).toMatchObject({ status: 'done', class: 'M' })
      const log: string = (await plane.ask(`/v1/audit?site=${site}&format=resetlog`)).body
      expect(log).toMatch(/IPDUSD HACON2 ---- SEND ---- ---- ---- 192\.168\.1\.101 2 OFF\n/)
    })

    test('no agent is asked to cut the feeds of its own machine', async () => {
      await TestAgent.enrolled(plane, site, 'HACON1')
      for (const mode of ['same', 'serial']) {
        const refused = await ask('HACON1/tests/pdu', { mode })
        expect(codes(refused)).toEqual([409, 'own-management-server'])
        expect(refused.body.detail).toContain('agent of the other management server')
      }
      expect((await ask('HACON2/tests/pdu', { mode: 'same' })).status).toBe(202)
    })

    test('its feeds are restored, its own agent may do that', async () => {
      const agent = await TestAgent.enrolled(plane, site, 'HACON1')
      await agent.connect()
      const { status, body } = await ask('HACON1/restore')
      expect(status).toBe(202)
      expect(body).toMatchObject({ operation: 'restore', server: 'HACON1', class: 'M' })
      const { order } = await agent.takeOrder()
      expect(order).toMatchObject({ kind: 'restore', target: { server: 'HACON1', class: 'M' } })
    })

    test('what does not go with a management server is refused with its place', async () => {
      for (const [field, value] of [
        ['offTimeS', 29],
        ['pdu', 'pdu-a'],
        ['leaveUp', true],
      ] as const) {
        const refused = await ask('HACON2/tests/pdu', { mode: 'serial', [field]: value })
        expect(codes(refused)).toEqual([400, 'invalid-request'])
        expect(refused.body.errors[0].pointer).toBe(`/${field}`)
      }
      const unknown = [404, 'unknown-management-server']
      expect(codes(await ask('PSERVER1/tests/pdu', { mode: 'same' }))).toEqual(unknown)
      expect(codes(await ask('PSERVER1/restore'))).toEqual(unknown)
      const db = await plane.token({ name: 'a', scope: 'operate', site, cluster: 'db' })
      const refused = await ask('HACON2/tests/pdu', { mode: 'same' }, { token: db })
      expect(codes(refused)).toEqual([403, 'forbidden'])
    })
  })
}
