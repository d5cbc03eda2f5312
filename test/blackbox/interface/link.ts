import { beforeAll, describe, expect, test } from 'vitest'
import { verifySite } from '../../../protocol/chain.ts'
import { importVerifyingKey } from '../../../protocol/keys.ts'
import { PING_TEXT } from '../../../protocol/link.ts'
import type { Body } from '../../../protocol/report.ts'
import { EventStream } from '../../e2e/event-stream.ts'
import { until } from '../../edge/control-plane.ts'
import { siteFile } from '../../edge/site.ts'
import { makeKeys, TestAgent } from '../../edge/test-agent.ts'
import { type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'
import { freshName } from './names.ts'

const NOTE: Body = { kind: 'configured', revision: 1, detail: '' }

function observed(value: string, over: object = {}): Body {
  const readAt = '2026-01-01T00:00:00.000000Z'
  const subject = 'server' as const
  const attribute = 'power' as const
  return {
    kind: 'observed',
    subject,
    name: 'PSERVER1',
    attribute,
    value,
    detail: '',
    readAt,
    ...over,
  }
}

export function linkTests(on: () => Target): void {
  describe('the hub', () => {
    let plane: Plane
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })

    const freshAgent = () => TestAgent.enrolled(plane, freshName(), 'HACON1')
    const closed = (agent: TestAgent) => until('closed', () => agent.closedWith)
    const stored = async ({ site }: TestAgent) => {
      const { body } = await plane.ask(`/v1/audit?site=${site}`)
      const lines = String(body).trimEnd().split('\n')
      return lines.flatMap((line) => JSON.parse(line).record ?? [])
    }

    test('an agent that answers the challenge is welcomed and shown as connected', async () => {
      const agent = await freshAgent()
      expect(await agent.connect()).toMatchObject({ received: 0 })
      const { body } = await plane.ask(`/v1/sites/${agent.site}/agents`)
      expect(body.items).toMatchObject([{ name: 'HACON1', connected: true, role: 'active' }])
      agent.hangUp()
      await until('disconnected', async () => {
        const seen = await plane.ask(`/v1/sites/${agent.site}/agents`)
        return seen.body.items[0].connected === false
      })
    })

    test('a ping is answered, whoever answers it', async () => {
      const agent = await freshAgent()
      await agent.connect()
      for (let pings = 0; pings < 3; pings += 1) {
        agent.send(PING_TEXT)
        await agent.next('pong')
      }
    })

    test('a hello for another nonce, by another key or of another agent is refused', async () => {
      const agent = await freshAgent()
      await agent.dial()
      await agent.sayHello({ nonce: 'another' })
      expect((await closed(agent)).code).toBe(4401)
      const { nonce } = await agent.dial()
      await agent.sayHello({ nonce }, (await makeKeys()).sign)
      expect((await closed(agent)).code).toBe(4401)
      const again = await agent.dial()
      await agent.sayHello({ nonce: again.nonce, agent: 'HACON2' })
      expect((await closed(agent)).code).toBe(4401)
    })

    test('nothing but a hello is taken before the welcome', async () => {
      const agent = await freshAgent()
      for (const [message, code] of [
        [{ type: 'report', records: [], head: 'x' }, 4401],
        [{ type: 'journalled', order: 'rst_0' }, 4401],
        ['x'.repeat(20_000), 4413],
        ['not json', 4400],
        [{ type: 'unheard-of' }, 4400],
      ] as const) {
        await agent.dial()
        agent.send(message)
        expect((await closed(agent)).code, JSON.stringify(message).slice(0, 40)).toBe(code)
      }
    })

    test('a message beyond all bounds ends the link, and the next one is welcome', async () => {
      const agent = await freshAgent()
      await agent.connect()
      agent.send({ type: 'journalled', order: 'x'.repeat(3_000_000) })
      await closed(agent)
      expect(await agent.connect()).toMatchObject({ received: 0 })
    })

    test('a second connection of the same agent replaces the first', async () => {
      const agent = await freshAgent()
      await agent.connect()
      const second = new TestAgent(plane, agent, agent.keys)
      await second.connect()
      expect((await closed(agent)).code).toBe(4409)
      const { body } = await plane.ask(`/v1/sites/${agent.site}/agents`)
      expect(body.items).toMatchObject([{ connected: true }])
      expect(await second.tell(NOTE)).toBe(1)
    })

    test('records are stored once, in any order, and received counts up to the first gap', async () => {
      const agent = await freshAgent()
      await agent.connect()
      const all = agent.write(NOTE, NOTE, NOTE, NOTE, NOTE)
      expect(await agent.report(all.slice(3, 5))).toBe(0)
      expect(await agent.report(all.slice(0, 2))).toBe(2)
      expect(await agent.report(all.slice(0, 2))).toBe(2)
      expect(await agent.report(all.slice(1, 4))).toBe(5)
      expect((await stored(agent)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
      agent.hangUp()
      expect(await agent.connect()).toMatchObject({ received: 5 })
    })

    test('records of a kind that this version does not know are stored all the same', async () => {
      const agent = await freshAgent()
      await agent.connect()
      const later = { kind: 'invented-later', anything: ['\u0000', 1.5] } as unknown as Body
      expect(await agent.tell(later, NOTE)).toBe(2)
      const [first] = await stored(agent)
      expect(first).toMatchObject({ kind: 'invented-later' })
      expect(first).toEqual(agent.journal[0])
    })

    test('a report with a record altered, left out or of somebody else is refused whole', async () => {
      const agent = await freshAgent()
      const all = agent.write(NOTE, NOTE, NOTE)
      const [first, second, third] = all
      if (!first || !second || !third) throw new Error('three records')
      const head = await agent.headOf(third)
      for (const records of [
        [first, { ...second, detail: 'altered' }, third],
        [first, third],
        [{ ...first, agent: 'HACON2' }, second, third],
        [{ ...first, site: 'elsewhere' }, second, third],
        [first, second],
      ]) {
        await agent.connect()
        agent.send({ type: 'report', records, head })
        expect((await closed(agent)).code).toBe(4400)
      }
      expect(await stored(agent)).toEqual([])
    })

    test('a second history of an agent is stored, and raises an alarm', async () => {
      const agent = await freshAgent()
      await agent.connect()
      await agent.tell(NOTE, NOTE)
      agent.journal.splice(1, 1, {
        ...(agent.journal[1] ?? agent.write(NOTE)[0]),
        detail: 'otherwise',
      } as (typeof agent.journal)[number])
      expect(await agent.tell(NOTE)).toBe(3)
      const path = `/v1/events?site=${agent.site}`
      const stream = await EventStream.open(
        { url: plane.url, token: plane.admin },
        { path, after: 0 },
      )
      await stream.find('the alarm', ({ content }) => content.payload['code'] === 'journal-forked')
      stream.close()
    })

    test('an agent that lost part of its journal is welcomed but gets no order', async () => {
      const agent = await freshAgent()
      await plane.ask(`/v1/sites/${agent.site}`, { method: 'PUT', body: siteFile(agent.site) })
      await agent.connect()
      await agent.next('site')
      await agent.tell(NOTE, NOTE)
      agent.hangUp()
      await agent.connect({ head: 1 })
      const body = { site: agent.site, target: { server: 'PSERVER1' }, reason: 'x' }
      expect((await plane.ask('/v1/resets', { method: 'POST', body })).status).toBe(202)
      const { body: agents } = await plane.ask(`/v1/sites/${agent.site}/agents`)
      expect(agents.items).toMatchObject([{ rolledBack: true, connected: true }])
      await agent.tell(NOTE)
      expect(agent.heard.map(({ type }) => type)).not.toContain('order')
    })

    test('the newest site document reaches an agent that lacks it, signed', async () => {
      const agent = await freshAgent()
      const { site } = agent
      await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
      await agent.connect()
      const { token } = await agent.next('site')
      const { body } = await plane.ask('/v1/keys')
      const keys = await Promise.all(body.keys.map(importVerifyingKey))
      const verified = await verifySite(token, { keys, site })
      expect(verified).toMatchObject({
        site: { revision: 1, document: { metadata: { name: site } } },
      })
      agent.hangUp()
      await agent.connect({ revision: 1 })
      await agent.tell(NOTE)
      expect(agent.heard.map(({ type }) => type)).not.toContain('site')
    })

    test('an apply waits for the connected agent and tells what it holds', async () => {
      const agent = await freshAgent()
      await agent.connect()
      const apply = plane.ask(`/v1/sites/${agent.site}`, {
        method: 'PUT',
        body: siteFile(agent.site),
      })
      await agent.next('site')
      await agent.tell({ kind: 'configured', revision: 1, detail: '' })
      expect((await apply).body.agents).toEqual([{ name: 'HACON1', result: 'Change', revision: 1 }])
    })

    test('an apply reaches an agent that holds a newer revision than the database', async () => {
      const agent = await freshAgent()
      const { site } = agent
      await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
      await agent.connect({ revision: 7 })
      const file = siteFile(site)
      const body = { ...file, spec: { ...file.spec, hardResetAfterMs: 3000 } }
      const apply = plane.ask(`/v1/sites/${site}`, { method: 'PUT', body })
      await agent.next('site')
      await agent.tell({ kind: 'configured', revision: 8, detail: '' })
      expect((await apply).body).toMatchObject({ revision: 8, agents: [{ revision: 8 }] })
    })

    test('an agent cannot end an order of another site', async () => {
      const agent = await freshAgent()
      const other = await freshAgent()
      await plane.ask(`/v1/sites/${other.site}`, { method: 'PUT', body: siteFile(other.site) })
      const ask = { site: other.site, target: { server: 'PSERVER1' }, reason: 'x' }
      const { body } = await plane.ask('/v1/resets', { method: 'POST', body: ask })
      await agent.connect()
      await agent.tell({
        kind: 'refused',
        order: body.id,
        token: null,
        code: 'forged',
        result: 'FAIL',
        detail: '',
        request: {
          server: 'PSERVER1',
          mode: 'ladder',
          reason: 'forged',
          requestedBy: 'key:nobody',
          requestedAt: '2026-01-01T00:00:00.000000Z',
        },
      })
      expect((await plane.ask(`/v1/resets/${body.id}`)).body.status).toBe('accepted')
      await other.connect()
      expect((await other.takeOrder()).order.id).toBe(body.id)
    })

    test('values are live while their agent is heard and their link is OK, and stale otherwise', async () => {
      const agent = await freshAgent()
      const { site } = agent
      await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
      await agent.connect()
      const power = async () => (await plane.ask(`/v1/sites/${site}/status`)).body.servers[0].power
      await agent.tell(observed('OK', { attribute: 'bmc' }), observed('pon'))
      const live = await power()
      expect(live).toMatchObject({ value: 'pon' })
      expect(live.stale).toBeUndefined()
      expect(live.readAt > '2026-01-01T00:00:01').toBe(true)
      const later = { readAt: '2026-01-01T00:00:02.000000Z' }
      await agent.tell(observed('NG', { attribute: 'bmc', ...later }))
      const old = { value: 'pon', readAt: '2026-01-01T00:00:00.000000Z', stale: true }
      expect(await power()).toEqual(old)
      await agent.tell(observed('OK', { attribute: 'bmc', readAt: '2026-01-01T00:00:03.000000Z' }))
      expect((await power()).stale).toBeUndefined()
      agent.hangUp()
      expect(await until('stale', async () => (await power()).stale && (await power()))).toEqual(
        old,
      )
    })

    test('an agent enrolled anew begins a new chain, and its old key opens nothing', async () => {
      const old = await freshAgent()
      await old.connect()
      await old.tell(NOTE, NOTE)
      const fresh = await TestAgent.enrolled(plane, old.site, 'HACON1')
      old.send({
        type: 'report',
        records: old.write(NOTE),
        head: await old.headOf(old.journal[2] ?? old.write(NOTE)[0] ?? fail()),
      })
      expect((await closed(old)).code).toBe(4401)
      expect(await fresh.connect()).toMatchObject({ received: 0 })
      expect(await fresh.tell(NOTE)).toBe(1)
      await old.dial()
      await old.sayHello({})
      expect((await closed(old)).code).toBe(4401)
    })
  })
}

function fail(): never {
  throw new Error('no record')
}
