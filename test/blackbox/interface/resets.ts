import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { resetId } from '../../../protocol/reset-id.ts'
import { siteFile } from '../../edge/site.ts'
import { acceptedBody, hardResetBodies, MONO, TestAgent } from '../../edge/test-agent.ts'
import { type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'
import { freshName } from './names.ts'

/** Once it is received, whatever the hub had to send before has been sent. */
const NOTE = { kind: 'configured', revision: 1, detail: '' } as const

export function resetTests(on: () => Target): void {
  describe('resets', () => {
    let plane: Plane
    let site = ''
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })
    beforeEach(async () => {
      site = freshName()
      await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
    })

    const ask = (over: object = {}, options: { key?: string; token?: string } = {}) => {
      const body = { site, target: { server: 'PSERVER1' }, reason: 'no heartbeat', ...over }
      return plane.ask('/v1/resets', { method: 'POST', body, ...options })
    }
    const connected = async () => {
      const agent = await TestAgent.enrolled(plane, site, 'HACON1')
      await agent.connect()
      await agent.next('site')
      return agent
    }
    const resetOrder = async (agent: TestAgent) => {
      const { order, token } = await agent.takeOrder()
      if (order.kind !== 'reset') throw new Error('not a reset')
      return { order, token }
    }

    test('an accepted reset reaches the agent as one signed order and ends as the records say', async () => {
      const agent = await connected()
      const posted = await ask(
        { target: { system: 10001, cluster: 'db' }, requester: { system: 10002 } },
        { key: 'k-1' },
      )
      expect(posted.status).toBe(202)
      const id = resetId(site, 'k-1')
      expect(posted.headers.get('location')).toBe(`/v1/resets/${id}`)
      expect(posted.body).toMatchObject({
        id,
        site,
        server: 'PSERVER1',
        system: 10001,
        requester: 10002,
        kind: 'P',
        mode: 'ladder',
        reason: 'no heartbeat',
        requestedBy: 'key:admin',
        status: 'accepted',
        result: null,
        fenced: false,
        recovery: 'none',
        endedAt: null,
        detail: null,
      })
      const { order, token } = await resetOrder(agent)
      expect(order).toMatchObject({ id, revision: 1, plan: { server: 'PSERVER1', kind: 'P' } })
      const waiting = plane.ask(`/v1/resets/${id}?wait=30`)
      await agent.tell(...hardResetBodies(order, token))
      const { body } = await waiting
      expect(body).toMatchObject({ status: 'complete', result: 'REBOOT', fenced: true })
      const { body: ended } = await plane.ask(`/v1/resets/${id}`)
      expect(ended.endedAt).not.toBeNull()
      expect(
        ended.steps.map(({ kind, direction }: Record<string, string>) => `${kind} ${direction}`),
      ).toEqual(
        expect.arrayContaining([
          'RM-RESET RECV',
          'HARDRESET SEND',
          'HARDRESET RECV',
          'RM-RESET SEND',
        ]),
      )
    })

    test('a long poll answers at its time when nothing is decided', async () => {
      const { body } = await ask()
      const before = performance.now()
      const polled = await plane.ask(`/v1/resets/${body.id}?wait=0.3`)
      expect(performance.now() - before).toBeGreaterThan(250)
      expect(polled.body.status).toBe('accepted')
      for (const wait of ['61', '-1', 'x']) {
        expect((await plane.ask(`/v1/resets/${body.id}?wait=${wait}`)).status).toBe(400)
      }
    })

    test('the same key is answered by the same reset, another body by 422, and nothing runs twice', async () => {
      const agent = await connected()
      const first = await ask({}, { key: 'same' })
      const again = await ask({}, { key: '"same"' })
      expect([again.status, again.body.id]).toEqual([202, first.body.id])
      const other = await ask({ reason: 'another' }, { key: 'same' })
      expect([other.status, other.body.code]).toEqual([422, 'idempotency-key-reused'])
      await agent.takeOrder()
      await agent.tell(NOTE)
      expect(agent.heard.map(({ type }) => type)).not.toContain('order')
    })

    test('a request without a key, or with an unprintable one, is refused', async () => {
      for (const key of ['', '""', `"${'x'.repeat(300)}"`]) {
        const { status, body } = await ask({}, { key })
        expect([status, body.code]).toEqual([400, 'idempotency-key-missing'])
      }
    })

    test('of twenty resets of one server at once exactly one is accepted', async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => ask()))
      const accepted = all.filter(({ status }) => status === 202)
      expect(accepted).toHaveLength(1)
      for (const { status, body } of all) {
        if (status === 202) continue
        expect(body).toMatchObject({
          code: 'reset-already-open',
          result: 'FAIL',
          reset: accepted[0]?.body.id,
        })
      }
    })

    test('of two crossing requests of a guarded pair exactly one is accepted, every time', async () => {
      for (let round = 0; round < 5; round++) {
        const name = `${site}-pair${round}`
        await plane.ask(`/v1/sites/${name}`, { method: 'PUT', body: siteFile(name) })
        const [a, b] = await Promise.all(
          ['PSERVER1', 'PSERVER2'].map((server) => ask({ site: name, target: { server } })),
        )
        expect([a?.status, b?.status].sort()).toEqual([202, 409])
        const refused = a?.status === 409 ? a : b
        expect(refused?.body).toMatchObject({ code: 'pair-guard', result: 'FAIL' })
      }
    })

    test('a target that is unknown or ambiguous is refused and nothing is done', async () => {
      for (const [target, status, code] of [
        [{ server: 'NOBODY' }, 404, 'unknown-server'],
        [{ system: 999 }, 404, 'unknown-system'],
        [{ system: 10001, cluster: 'none' }, 404, 'unknown-cluster'],
        [{ system: 10001 }, 409, 'ambiguous-system'],
      ] as const) {
        const answer = await ask({ target })
        expect([answer.status, answer.body.code]).toEqual([status, code])
      }
      for (const [requester, code] of [
        [{ system: 5 }, 'unknown-requester'],
        [{ system: 10001, cluster: 'db' }, 'requester-is-target'],
      ] as const) {
        const answer = await ask({ requester })
        expect([answer.status, answer.body.code, answer.body.result]).toEqual([409, code, 'ERROR'])
      }
      expect((await plane.ask(`/v1/resets?site=${site}`)).body.items).toEqual([])
    })

    test('a requester that is itself being reset gets FAIL, and ERROR once that is complete', async () => {
      const agent = await connected()
      await ask({ target: { server: 'PSERVER3' } })
      const asking = {
        target: { server: 'PSERVER1' },
        requester: { system: 10001, cluster: 'app' },
      }
      expect((await ask(asking)).body).toMatchObject({
        code: 'requester-being-reset',
        result: 'FAIL',
      })
      const { order, token } = await resetOrder(agent)
      await agent.tell(...hardResetBodies(order, token))
      expect((await ask(asking)).body).toMatchObject({
        code: 'requester-reset-complete',
        result: 'ERROR',
      })
    })

    test('while an effect is loose its target may be reset again, its guarded partner not', async () => {
      const agent = await connected()
      await ask()
      const { order, token } = await resetOrder(agent)
      const shot = { id: 1, rung: 'hard', device: { kind: 'bmc' }, action: 'reset' } as const
      await agent.tell(
        acceptedBody(order, token),
        { kind: 'intent', order: order.id, shot, mono: MONO },
        { kind: 'answer', order: order.id, shot: 1, answer: 'lost', detail: '', mono: MONO },
        {
          kind: 'concluded',
          order: order.id,
          conclusion: { result: 'FAIL', fenced: false, grade: 'unknown', evidence: [] },
          mono: MONO,
        },
        { kind: 'ended', order: order.id },
      )
      const partner = await ask({ target: { server: 'PSERVER2' } })
      expect([partner.status, partner.body.code]).toEqual([409, 'pair-guard'])
      await agent.tell({ kind: 'settled', order: order.id, shot: 1, detail: 'answered late' })
      expect((await ask({ target: { server: 'PSERVER2' } })).status).toBe(202)
    })

    test('a refusal by the agent ends the reset as refused', async () => {
      const agent = await connected()
      const { body } = await ask()
      const { order, token } = await resetOrder(agent)
      await agent.tell({
        kind: 'refused',
        order: order.id,
        token,
        code: 'pair-guard',
        result: 'FAIL',
        detail: 'the partner is open',
        request: null,
      })
      expect((await plane.ask(`/v1/resets/${body.id}?wait=10`)).body).toMatchObject({
        status: 'refused',
        result: 'FAIL',
        code: 'pair-guard',
      })
      expect((await ask()).status).toBe(202)
    })

    test('without a connected agent it is accepted, says so, and is sent when one connects', async () => {
      const agent = await TestAgent.enrolled(plane, site, 'HACON1')
      const { status, body } = await ask()
      expect(status).toBe(202)
      expect(body.detail).toContain('no agent of this site is connected')
      await agent.connect()
      expect((await agent.takeOrder()).order.id).toBe(body.id)
    })

    test('an order is sent again on every connection until the agent has journalled it', async () => {
      const agent = await connected()
      const { body } = await ask()
      expect((await agent.takeOrder()).order.id).toBe(body.id)
      agent.hangUp()
      await agent.connect({ revision: 1 })
      expect((await agent.takeOrder()).order.id).toBe(body.id)
      agent.send({ type: 'journalled', order: body.id })
      await agent.tell(NOTE)
      agent.hangUp()
      await agent.connect({ revision: 1 })
      await agent.tell(NOTE)
      expect(agent.heard.map(({ type }) => type)).not.toContain('order')
    })

    test('an order outlives a restart of the control plane', async () => {
      const agent = await TestAgent.enrolled(plane, site, 'HACON1')
      const { body } = await ask()
      await on().kill()
      await on().start()
      await agent.connect()
      expect((await agent.takeOrder()).order.id).toBe(body.id)
    })

    test('resets are listed newest first, by site, server and status', async () => {
      const first = await ask({ target: { server: 'PSERVER3' } })
      const second = await ask({ target: { server: 'PSERVER1' } })
      const ids = async (query: string) =>
        (await plane.ask(`/v1/resets?site=${site}${query}`)).body.items.map(
          ({ id }: { id: string }) => id,
        )
      expect(await ids('')).toEqual([second.body.id, first.body.id])
      expect(await ids('&server=PSERVER3')).toEqual([first.body.id])
      expect(await ids('&status=complete')).toEqual([])
      const page = await plane.ask(`/v1/resets?site=${site}&limit=1`)
      expect(await ids(`&limit=1&cursor=${page.body.nextCursor}`)).toEqual([first.body.id])
      expect((await plane.ask('/v1/resets?status=done')).status).toBe(400)
    })

    test('a reader may watch and not ask; another site is not there; a cluster token keeps to its cluster', async () => {
      const { body: mine } = await ask({ target: { server: 'PSERVER3' } })
      const reader = await plane.token({ name: 'r', scope: 'read', site })
      const stranger = await plane.token({ name: 's', scope: 'operate', site: 'elsewhere' })
      const member = await plane.token({ name: 'm', scope: 'operate', site, cluster: 'db' })
      expect((await plane.ask(`/v1/resets/${mine.id}`, { token: reader })).status).toBe(200)
      const asked = await ask({}, { token: reader })
      expect([asked.status, asked.body.code]).toEqual([403, 'forbidden'])
      expect((await plane.ask(`/v1/resets/${mine.id}`, { token: stranger })).status).toBe(404)
      expect((await plane.ask('/v1/resets', { token: stranger })).body.items).toEqual([])
      const elsewhere = await ask({}, { token: stranger })
      expect([elsewhere.status, elsewhere.body.code]).toEqual([404, 'unknown-site'])
      const other = await ask({ target: { server: 'PSERVER3' } }, { token: member })
      expect([other.status, other.body.code]).toEqual([403, 'forbidden'])
      const own = await ask({}, { token: member })
      expect([own.status, own.body.requestedBy]).toEqual([202, 'key:m'])
    })

    test('a site that has only enrolled agents, or none, takes no reset', async () => {
      await TestAgent.enrolled(plane, `${site}-bare`, 'HACON1')
      const bare = await ask({ site: `${site}-bare` })
      expect([bare.status, bare.body.code]).toEqual([409, 'site-not-configured'])
      const none = await ask({ site: 'nowhere' })
      expect([none.status, none.body.code]).toEqual([404, 'unknown-site'])
      expect((await plane.ask('/v1/resets/rst_none')).body.code).toBe('unknown-reset')
    })

    test('a server with an open reset cannot be changed or removed, and is told so', async () => {
      await ask({ target: { server: 'PSERVER3' } })
      const file = siteFile(site)
      const servers = file.spec.servers.filter(({ name }) => name !== 'PSERVER3')
      const clusters = file.spec.clusters.filter(({ name }) => name !== 'app')
      const body = { ...file, spec: { ...file.spec, servers, clusters } }
      const applied = await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body })
      expect(applied.body.result).toBe('failed')
      expect(applied.body.changes).toContainEqual(
        expect.objectContaining({
          subject: 'server',
          name: 'PSERVER3',
          operation: 'Delete',
          result: 'Error',
          reason: 'reset-in-progress',
        }),
      )
      const read = await plane.ask(`/v1/sites/${site}`)
      expect(read.body.spec.servers.map(({ name }: { name: string }) => name)).toContain('PSERVER3')
    })
  })
}
