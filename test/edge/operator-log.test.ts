import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listOperatorEntries, type OperatorRow } from '../../db/operator-log.ts'
import { hashText } from '../../protocol/chain.ts'
import type { Ask } from '../blackbox/client.ts'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane, until } from './control-plane.ts'
import { siteFile } from './site.ts'

interface Operation {
  method: string
  path: string
}

describe.skipIf(findPostgres() === undefined)('the operator log', () => {
  let plane: TestPlane
  let last = 0
  beforeAll(async () => {
    plane = await startTestPlane()
  }, 60_000)
  afterAll(() => plane?.stop())

  /** All that came since the last look; the log is written behind the answers, in order. */
  async function fresh(): Promise<OperatorRow[]> {
    // An entry of our own after all others shows that those are written.
    const mark = `mark-${last}`
    await plane.ask(`/v1/tokens/${mark}`, { method: 'DELETE' })
    return await until('the log is written', async () => {
      const rows = await plane.database((db) =>
        listOperatorEntries(db, {}, { after: last, limit: 1000 }),
      )
      if (rows.at(-1)?.subject !== mark) return undefined
      last = rows.at(-1)?.id ?? last
      return rows.slice(0, -1)
    })
  }

  async function entryOf(path: string, ask: Ask): Promise<OperatorRow> {
    const { status } = await plane.ask(path, ask)
    const rows = await fresh()
    expect(rows, path).toHaveLength(1)
    const [row] = rows
    if (!row) throw new Error('no entry')
    expect(row.status).toBe(status)
    return row
  }

  async function operations(): Promise<Operation[]> {
    const { body } = await plane.ask('/openapi.json')
    const paths = body.paths as Record<string, Record<string, unknown>>
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
    )
  }

  test('every route that changes something leaves exactly one entry with who, what and the outcome', async () => {
    const changing = (await operations()).filter(({ method }) => method !== 'GET')
    expect(changing.length).toBeGreaterThanOrEqual(6)
    for (const { method, path } of changing) {
      const asked = path.replace('{site}', 'nowhere').replaceAll(/\{\w+\}/g, 'something')
      const row = await entryOf(asked, { method, body: {}, key: 'k1' })
      expect(row).toMatchObject({ method, route: path, keyHash: hashText('k1') })
      expect(row.remoteAddress, path).toBe('127.0.0.1')
      if (path === '/v1/agents/enroll') expect(row.tokenName).toBeNull()
      else
        expect(row, path).toMatchObject({
          tokenName: 'admin',
          tokenId: expect.stringMatching(/^tok_/),
        })
      if (row.status >= 400) expect(row.code, path).toMatch(/^[a-z-]+$/)
      if (path.includes('{site}')) expect(row.site, path).toBe('nowhere')
      if (/\{(name|id|number)\}/.test(path)) expect(row.subject, path).toContain('something')
    }
  })

  test('reading leaves none', async () => {
    for (const { method, path } of await operations()) {
      // The stream of events does not end by itself.
      if (method !== 'GET' || path === '/v1/events') continue
      await plane.ask(path.replaceAll(/\{\w+\}/g, 'something'))
    }
    expect(await fresh()).toEqual([])
  })

  test('an accepted change is told with what it made, and a refused one with its code', async () => {
    const made = await entryOf('/v1/tokens', {
      method: 'POST',
      body: { name: 'ci', scope: 'read' },
    })
    expect(made).toMatchObject({ status: 201, code: null, subject: 'ci', site: null })
    expect(made.made).toMatch(/^tok_/)
    await plane.ask('/v1/sites/lab', { method: 'PUT', body: siteFile() })
    expect(await fresh()).toMatchObject([{ status: 200, site: 'lab', dryRun: false }])
    const ask = { site: 'lab', target: { cluster: 'db', system: 10001 }, reason: 'a test' }
    const reset = await entryOf('/v1/resets', { method: 'POST', body: ask })
    expect(reset).toMatchObject({ status: 202, site: 'lab', subject: 'db/10001' })
    expect(reset.made).toMatch(/^rst_/)
    const again = await entryOf('/v1/resets', { method: 'POST', body: ask })
    expect(again).toMatchObject({ status: 409, code: 'reset-already-open', made: null })
    const planned = { method: 'PUT', body: siteFile() }
    expect(await entryOf('/v1/sites/lab?dryRun=true', planned)).toMatchObject({ dryRun: true })
  })

  test('who has no token, no right or no sense is told too', async () => {
    const body = { name: 'x', scope: 'read' }
    const stranger = await entryOf('/v1/tokens', { method: 'POST', body, token: 'pal_wrong-token' })
    expect(stranger).toMatchObject({ status: 401, code: 'unauthorized', tokenId: null })
    const token = await plane.token({ name: 'reader', scope: 'read' })
    await fresh()
    const reader = await entryOf('/v1/tokens', { method: 'POST', body, token })
    expect(reader).toMatchObject({ status: 403, code: 'forbidden', tokenName: 'reader' })
    const broken = await entryOf('/v1/tokens', { method: 'POST', body: '{"name":' })
    expect(broken).toMatchObject({ status: 400, code: 'malformed-json', subject: null })
    const large = await entryOf('/v1/tokens', { method: 'POST', body: 'x'.repeat(70_000) })
    expect(large).toMatchObject({ status: 413, code: 'payload-too-large' })
    const nowhere = await entryOf('/v1/nowhere/at/all', { method: 'POST' })
    expect(nowhere).toMatchObject({ status: 404, code: 'not-found', route: null })
    const wrong = await entryOf('/v1/tokens/tok_1', { method: 'PATCH' })
    expect(wrong).toMatchObject({ status: 405, route: '/v1/tokens/{id}', subject: 'tok_1' })
  })

  test('nothing that was sent as a secret is in it, wherever it was put', async () => {
    const secret = `pal_${'Zq7'.repeat(14)}x`
    await plane.ask(`/v1/tokens/${secret}`, { method: 'DELETE', key: 'key-is-hashed' })
    await plane.ask('/v1/tokens', { method: 'POST', body: { name: secret, scope: 'read' } })
    await plane.ask(`/v1/sites/${secret}`, { method: 'PUT', body: { password: 'hunter2' } })
    const ask = { site: secret, target: { server: secret }, reason: 'password=hunter2' }
    const headers = { 'user-agent': `palisade/0.1.0 token=${secret}` }
    await plane.ask('/v1/resets', { method: 'POST', body: ask, headers })
    await plane.ask('/v1/tokens', { method: 'POST', body: {}, token: secret })
    const rows = await fresh()
    expect(rows).toHaveLength(5)
    const text = JSON.stringify([rows, plane.logged])
    for (const hidden of ['Zq7Zq7', 'hunter2', 'key-is-hashed', plane.admin]) {
      expect(text).not.toContain(hidden)
    }
    expect(rows[3]?.userAgent).toMatch(/^palisade\/0\.1\.0 token=/)
  })

  test('strangers fill a bounded part of it', async () => {
    await fresh()
    const ask = { method: 'POST', body: {}, token: null }
    for (let index = 0; index < 100; index += 1) await plane.ask('/v1/tokens', ask)
    const rows = await fresh()
    expect(rows.length).toBeGreaterThan(0)
    expect(rows.length).toBeLessThanOrEqual(60)
    const known = await entryOf('/v1/tokens', { method: 'POST', body: {} })
    expect(known.status).toBe(400)
  })

  test('what was changed just before a stop is not lost', async () => {
    await fresh()
    const asks = Array.from({ length: 40 }, () =>
      plane.ask('/v1/tokens', { method: 'POST', body: {} }),
    )
    await Promise.all(asks)
    await plane.restart()
    expect(await fresh()).toHaveLength(40)
  })

  test('a database that does not take it costs no request, and it is written later', async () => {
    await fresh()
    await plane.database((db) => db.execute('alter table operator_log rename to elsewhere'))
    const made = await plane.ask('/v1/tokens', {
      method: 'POST',
      body: { name: 'meanwhile', scope: 'read' },
    })
    expect(made.status).toBe(201)
    await until('the fault is told', () =>
      plane.logged.find(({ event }) => event === 'operator-log-unwritten'),
    )
    await plane.database((db) => db.execute('alter table elsewhere rename to operator_log'))
    await plane.restart()
    expect(await fresh()).toMatchObject([{ subject: 'meanwhile', status: 201 }])
  })

  describe('read over the API', () => {
    test('pages follow one another without a gap, and filters narrow them', async () => {
      const all = await plane.ask('/v1/operator-log?limit=200')
      expect(all.status).toBe(200)
      const pages: number[] = []
      let cursor: string | null = null
      do {
        const query: string = cursor === null ? '' : `&cursor=${cursor}`
        const { body } = await plane.ask(`/v1/operator-log?limit=30${query}`)
        pages.push(...body.items.map(({ id }: { id: number }) => id))
        cursor = body.nextCursor
      } while (cursor !== null)
      expect(pages).toEqual([...pages].sort((a, b) => a - b))
      expect(new Set(pages).size).toBe(pages.length)
      expect(pages.slice(0, 200)).toEqual(all.body.items.map(({ id }: { id: number }) => id))
      const lab = await plane.ask('/v1/operator-log?site=lab')
      expect(lab.body.items).toHaveLength(4)
      expect(lab.body.items[0]).toMatchObject({
        token: { id: expect.stringMatching(/^tok_/), name: 'admin' },
        method: 'PUT',
        route: '/v1/sites/{site}',
      })
      const { at, id } = lab.body.items[1]
      const from = await plane.ask(`/v1/operator-log?site=lab&from=${at}`)
      expect(from.body.items).toHaveLength(3)
      const to = await plane.ask(`/v1/operator-log?site=lab&to=${at}`)
      expect(to.body.items).toHaveLength(1)
      const after = await plane.ask(`/v1/operator-log?site=lab&after=${id}`)
      expect(after.body.items).toHaveLength(2)
      expect((await plane.ask('/v1/operator-log?from=2100-01-01T00:00:00Z')).body.items).toEqual([])
    })

    test('only an admin reads it', async () => {
      const token = await plane.token({ name: 'op', scope: 'operate' })
      const refused = await plane.ask('/v1/operator-log', { token })
      expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
      expect((await plane.ask('/v1/operator-log', { token: null })).status).toBe(401)
    })

    test('a bound that is none is named', async () => {
      for (const query of ['from=yesterday', 'after=-1', 'limit=0', 'cursor=x']) {
        const { status, body } = await plane.ask(`/v1/operator-log?${query}`)
        expect([status, body.code], query).toEqual([400, 'invalid-request'])
      }
    })
  })
})
