import { beforeAll, describe, expect, test } from 'vitest'
import { parseEnrolmentToken } from '../../../protocol/enrolment.ts'
import { thumbprint } from '../../../protocol/keys.ts'
import { makeKeys, TestAgent } from '../../edge/test-agent.ts'
import { type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'

export function enrolmentTests(on: () => Target): void {
  describe('enrolment', () => {
    let plane: Plane
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })

    const offer = async (site: string, name: string) =>
      (await plane.ask(`/v1/sites/${site}/enrolments`, { method: 'POST', body: { name } })).body
        .token

    test('the token names the key that the control plane answers with', async () => {
      const token = await offer('first', 'HACON1')
      const agent = new TestAgent(plane, { site: 'first', name: 'HACON1' }, await makeKeys())
      const { status, body } = await agent.enrol(token)
      expect(status).toBe(200)
      expect(body).toMatchObject({ site: 'first', name: 'HACON1', siteKey: agent.keys.siteKey })
      const prints = await Promise.all(body.controlPlaneKeys.map(thumbprint))
      expect(prints).toContain(parseEnrolmentToken(token)?.fingerprint)
      const keys = await plane.ask('/v1/keys', { token: null })
      expect(keys.body.keys).toMatchObject([{ kid: prints[0], crv: 'Ed25519' }])
      expect(JSON.stringify(keys.body)).not.toContain('"d"')
      const sealKey = await plane.ask('/v1/sites/first/seal-key')
      expect(sealKey.body).toEqual(agent.keys.siteKey)
    })

    test('a token works once, but the same agent may ask again after a lost answer', async () => {
      const token = await offer('once', 'HACON1')
      const agent = new TestAgent(plane, { site: 'once', name: 'HACON1' }, await makeKeys())
      const other = new TestAgent(plane, { site: 'once', name: 'HACON1' }, await makeKeys())
      const first = await agent.enrol(token)
      expect(await agent.enrol(token)).toMatchObject({ status: 200, body: first.body })
      const refused = await other.enrol(token)
      expect([refused.status, refused.body.code]).toEqual([403, 'enrolment-refused'])
    })

    test('a token for another name and a wrong one enrol nobody', async () => {
      const agent = new TestAgent(plane, { site: 'wrong', name: 'HACON1' }, await makeKeys())
      const token = await offer('wrong', 'HACON1')
      expect((await agent.enrol(token, 'HACON2')).status).toBe(403)
      expect((await agent.enrol(`${token.slice(0, 10)}AA${token.slice(12)}`)).status).toBe(403)
      expect((await agent.enrol('nonsense')).status).toBe(403)
      expect((await plane.ask('/v1/sites/wrong/agents')).body.items).toEqual([])
    })

    test('a second agent gets the site key in force', async () => {
      const first = await TestAgent.enrolled(plane, 'pair', 'HACON1')
      const second = new TestAgent(plane, { site: 'pair', name: 'HACON2' }, await makeKeys())
      const { body } = await second.enrol(await offer('pair', 'HACON2'))
      expect(body.siteKey).toEqual(first.keys.siteKey)
    })

    test('only an admin hands out tokens', async () => {
      const operator = await plane.token({ name: 'op', scope: 'operate' })
      const refused = await plane.ask('/v1/sites/pair/enrolments', {
        method: 'POST',
        body: { name: 'HACON3' },
        token: operator,
      })
      expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
      for (const name of ['bad name', '-x', 'x'.repeat(32)]) {
        const bad = await plane.ask('/v1/sites/pair/enrolments', { method: 'POST', body: { name } })
        expect(bad.body.code).toBe('invalid-request')
      }
    })
  })
}
