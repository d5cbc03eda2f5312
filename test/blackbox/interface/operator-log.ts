// Every change that was asked for, as an administrator reads it. The log is written behind the answers, by more than
// one object on some targets: entries are known by their key.
import { beforeAll, describe, expect, test } from 'vitest'
import { hashText } from '../../../protocol/chain.ts'
import { until } from '../../edge/control-plane.ts'
import { siteFile } from '../../edge/site.ts'
import { type Ask, type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'
import { freshName } from './names.ts'

export function operatorLogTests(on: () => Target): void {
  describe('the operator log', () => {
    let plane: Plane
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })

    const all = async () => {
      // biome-ignore lint/suspicious/noExplicitAny: entries are judged by what the tests expect of them.
      const items: any[] = []
      for (let cursor: string | null = ''; cursor !== null; ) {
        const query: string = cursor === '' ? '' : `&cursor=${cursor}`
        const { body } = await plane.ask(`/v1/operator-log?limit=200${query}`)
        items.push(...body.items)
        cursor = body.nextCursor
      }
      return items
    }
    const ofKey = async (key: string) =>
      (await all()).filter(({ keyHash }) => keyHash === hashText(key))
    const entryOf = async (path: string, ask: Ask) => {
      const key = `logged-${freshName()}`
      const { status } = await plane.ask(path, { ...ask, key })
      const [entry] = await until(`an entry for ${path}`, async () => {
        const entries = await ofKey(key)
        return entries.length > 0 && entries
      })
      expect(entry.status).toBe(status)
      return entry
    }

    test('tells once who changed what, from where, and what came of it', async () => {
      const site = freshName()
      const put = { method: 'PUT', body: siteFile(site) }
      expect(await entryOf(`/v1/sites/${site}`, put)).toMatchObject({
        method: 'PUT',
        route: '/v1/sites/{site}',
        site,
        dryRun: false,
        status: 200,
        code: null,
        token: { name: 'admin', id: expect.stringMatching(/^tok_/) },
        remoteAddress: '127.0.0.1',
      })
      expect(await entryOf(`/v1/sites/${site}?dryRun=true`, put)).toMatchObject({ dryRun: true })
      const body = { site, target: { cluster: 'db', system: 10001 }, reason: 'a test' }
      const reset = await entryOf('/v1/resets', { method: 'POST', body })
      expect(reset).toMatchObject({ status: 202, site, subject: 'db/10001' })
      expect(reset.made).toMatch(/^rst_/)
      const again = await entryOf('/v1/resets', { method: 'POST', body })
      expect(again).toMatchObject({ status: 409, code: 'reset-already-open', made: null })
      const ids = (await all()).map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
      expect(ids).toEqual(ids.toSorted((a, b) => a - b))
    })

    test('tells of those that were refused for their token, their right or their body', async () => {
      const body = { name: 'x', scope: 'read' }
      const stranger = await entryOf('/v1/tokens', { method: 'POST', body, token: 'pal_wrong' })
      expect(stranger).toMatchObject({ status: 401, code: 'unauthorized', token: null })
      const token = await plane.token({ name: 'log-reader', scope: 'read' })
      const reader = await entryOf('/v1/tokens', { method: 'POST', body, token })
      expect(reader).toMatchObject({ status: 403, token: { name: 'log-reader' } })
      const broken = await entryOf('/v1/tokens', { method: 'POST', body: '{"name":' })
      expect(broken).toMatchObject({ status: 400, code: 'malformed-json', subject: null })
      const nowhere = await entryOf('/v1/nowhere/at/all', { method: 'POST' })
      expect(nowhere).toMatchObject({ status: 404, code: 'not-found', route: null })
    })

    test('is for administrators', async () => {
      const token = await plane.token({ name: 'log-operator', scope: 'operate' })
      const refused = await plane.ask('/v1/operator-log', { token })
      expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
      expect((await plane.ask('/v1/operator-log', { token: null })).status).toBe(401)
    })
  })
}
