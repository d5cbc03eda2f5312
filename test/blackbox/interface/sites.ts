import { beforeAll, describe, expect, test } from 'vitest'
import { sealed, siteFile } from '../../edge/site.ts'
import { type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'

export function siteTests(on: () => Target): void {
  describe('sites', () => {
    let plane: Plane
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })

    const put = (site: string, body: unknown, query = '') =>
      plane.ask(`/v1/sites/${site}${query}`, { method: 'PUT', body })

    test('a dry run reports what an apply would do and stores nothing', async () => {
      const { status, body } = await put('dry', siteFile('dry'), '?dryRun=true')
      expect(status).toBe(200)
      expect(body).toMatchObject({ result: 'completed', dryRun: true, revision: 1 })
      expect(body.changes).toContainEqual({
        subject: 'server',
        name: 'PSERVER1',
        operation: 'Add',
        result: 'Success',
      })
      expect((await plane.ask('/v1/sites/dry')).status).toBe(404)
    })

    test('what is read back can be applied again and changes nothing', async () => {
      expect((await put('lab', siteFile())).body).toMatchObject({
        result: 'completed',
        revision: 1,
      })
      const read = await plane.ask('/v1/sites/lab')
      expect(read.body).toMatchObject({ revision: 1, metadata: { name: 'lab' } })
      expect(read.body.spec.servers[0].bmc).toMatchObject({ port: 623, password: sealed })
      const again = await put('lab', read.body)
      expect(again.body).toMatchObject({ result: 'completed', revision: 1, changes: [] })
    })

    test('a secret left out keeps the sealed one', async () => {
      const file = siteFile('secrets')
      await put('secrets', file)
      const [server] = file.spec.servers
      const { password: _, ...bmc } = server?.bmc ?? { password: undefined }
      const changed = {
        ...file,
        spec: {
          ...file.spec,
          servers: [{ ...server, bmc, holdUpMs: 2000 }, ...file.spec.servers.slice(1)],
        },
      }
      expect((await put('secrets', changed)).body).toMatchObject({
        result: 'completed',
        revision: 2,
        changes: [{ subject: 'server', name: 'PSERVER1', operation: 'Change', result: 'Success' }],
      })
      const read = await plane.ask('/v1/sites/secrets')
      expect(read.body.spec.servers[0].bmc.password).toEqual(sealed)
    })

    test('a bad document is refused with a pointer to every bad field', async () => {
      const file = siteFile('bad')
      const bad = {
        ...file,
        spec: {
          ...file.spec,
          hardResetAfterMs: 2550,
          servers: [
            { ...file.spec.servers[0], bmc: { ...file.spec.servers[0]?.bmc, password: 'plain' } },
          ],
        },
      }
      const { status, type, body } = await put('bad', bad)
      expect(status).toBe(400)
      expect(type).toContain('application/problem+json')
      expect(body.code).toBe('invalid-site')
      const pointers = body.errors.map(({ pointer }: { pointer: string }) => pointer)
      expect(pointers).toContain('/spec/hardResetAfterMs')
      expect(pointers).toContain('/spec/servers/0/bmc/password')
      expect(JSON.stringify(body)).not.toContain('plain"')
    })

    test('a document of another name is refused', async () => {
      const { status, body } = await put('right', siteFile('wrong'))
      expect(status).toBe(400)
      expect(body.errors).toMatchObject([{ pointer: '/metadata/name' }])
      expect((await plane.ask('/v1/sites/right')).status).toBe(404)
    })

    test('of twenty applies at once each accepted change is one revision', async () => {
      const file = siteFile('race')
      await put('race', file)
      const applied = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          put('race', { ...file, spec: { ...file.spec, hardResetAfterMs: 1000 + 100 * index } }),
        ),
      )
      const revisions = applied.map(({ body }) => body.revision)
      expect(new Set(revisions).size).toBe(revisions.length)
      expect(Math.max(...revisions)).toBe(21)
    })

    test('sites are listed by name in pages', async () => {
      const first = await plane.ask('/v1/sites?limit=1')
      expect(first.body.items).toHaveLength(1)
      const second = await plane.ask(
        `/v1/sites?limit=200&cursor=${encodeURIComponent(first.body.nextCursor)}`,
      )
      expect(second.body.nextCursor).toBeNull()
      const names = [...first.body.items, ...second.body.items].map(({ name }) => name)
      expect(names).toEqual([...names].sort())
      expect(names).toContain('lab')
      expect((await plane.ask('/v1/sites?cursor=nonsense')).status).toBe(400)
    })

    test('values never watched show as such, with no instant', async () => {
      const { body } = await plane.ask('/v1/sites/lab/status')
      expect(body).toMatchObject({ site: 'lab', revision: 1, mode: 'single', agents: [] })
      expect(body.servers[0]).toMatchObject({
        name: 'PSERVER1',
        power: { value: '--', readAt: null },
        bmc: { value: '--', readAt: null },
      })
      expect(body.systems[0]).toMatchObject({
        number: 10001,
        state: { value: '----' },
        pair: '----',
      })
      expect(body.pdus[0].outlets).toMatchObject([
        { outlet: 3, class: 'P', owner: 'PSERVER1', state: { value: '--' } },
      ])
    })

    test('a site without an agent has no key to seal to', async () => {
      const { status, body } = await plane.ask('/v1/sites/lab/seal-key')
      expect([status, body.code]).toEqual([409, 'no-seal-key'])
    })

    test('only an admin applies, and the sites of others are not there', async () => {
      const reader = await plane.token({ name: 'reader', scope: 'read', site: 'lab' })
      const operator = await plane.token({ name: 'operator', scope: 'operate', site: 'lab' })
      for (const token of [reader, operator]) {
        const mine = await plane.ask('/v1/sites/lab', { method: 'PUT', body: siteFile(), token })
        expect([mine.status, mine.body.code]).toEqual([403, 'forbidden'])
        const others = await plane.ask('/v1/sites/race', {
          method: 'PUT',
          body: siteFile('race'),
          token,
        })
        expect([others.status, others.body.code]).toEqual([404, 'unknown-site'])
        for (const path of ['', '/status', '/agents', '/seal-key']) {
          expect((await plane.ask(`/v1/sites/race${path}`, { token })).status).toBe(404)
        }
        const listed = await plane.ask('/v1/sites', { token })
        expect(listed.body.items.map(({ name }: { name: string }) => name)).toEqual(['lab'])
      }
    })
    test('a document that would be too long for its agents, once signed, is refused', async () => {
      const file = siteFile('long')
      const [server] = file.spec.servers
      if (!server) throw new Error('a server')
      const password = { sealed: `${sealed.sealed}${'A'.repeat(3900)}` }
      const servers = Array.from({ length: 800 }, (_, index) => ({
        name: `S${index}`,
        bmc: { ...server.bmc, address: `10.1.${index >> 8}.${index & 255}`, password },
      }))
      const body = { ...file, spec: { ...file.spec, servers, clusters: [] } }
      for (const query of ['?dryRun=true', '']) {
        const { status, body: answer } = await put('long', body, query)
        expect([status, answer.code]).toEqual([413, 'payload-too-large'])
      }
    })
  })
}
