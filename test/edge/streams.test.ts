// Answers that go on for long: the event stream, long polls, exports.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nodeClock } from '../../runtime/node.ts'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane, until } from './control-plane.ts'
import { ownApp } from './own-app.ts'
import { siteFile } from './site.ts'

describe.skipIf(findPostgres() === undefined)('an answer that goes on', () => {
  let plane: TestPlane
  let own: Awaited<ReturnType<typeof ownApp>>
  let aheadMs = 0
  const logged: string[] = []
  const clock = { ...nodeClock, wallMs: () => nodeClock.wallMs() + aheadMs }
  beforeAll(async () => {
    plane = await startTestPlane()
    await plane.ask('/v1/sites/lab', { method: 'PUT', body: siteFile('lab') })
  }, 60_000)
  afterAll(() => plane.stop())
  beforeEach(async () => {
    aheadMs = 0
    logged.length = 0
    own = await ownApp(plane.databaseUrl, clock, (_level, event) => logged.push(event))
  })
  afterEach(() => own.stop())

  const made = async (body: object) => {
    const answer = await plane.ask('/v1/tokens', { method: 'POST', body })
    return { id: String(answer.body.id), secret: String(answer.body.token) }
  }
  const ask = (path: string, token = plane.admin, method = 'GET') =>
    own.app.request(path, { method, headers: { authorization: `Bearer ${token}` } })
  /** All that comes from now on, until the end of the stream. */
  const rest = async (reader: ReadableStreamDefaultReader<Uint8Array>) => {
    let text = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return text
      text += new TextDecoder().decode(value)
    }
  }
  const opened = async (token: string) => {
    const reader = (await ask('/v1/events', token)).body?.getReader()
    if (!reader) throw new Error('no stream')
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('connected')
    return reader
  }
  const happen = async () => {
    const change = siteFile('lab')
    change.spec.hardResetAfterMs = change.spec.hardResetAfterMs === 2500 ? 2600 : 2500
    await plane.ask('/v1/sites/lab', { method: 'PUT', body: change })
    await plane.ask('/v1/sites/lab', { method: 'PUT', body: siteFile('lab') })
    own.signals.notify('events')
  }

  test('of events ends when its token is revoked, before anything else is told', async () => {
    const { id, secret } = await made({ name: 'reader', scope: 'read' })
    const reader = await opened(secret)
    await plane.ask(`/v1/tokens/${id}`, { method: 'DELETE' })
    await happen()
    expect(await rest(reader)).toBe('')
    expect(own.listeners()).toBe(0)
  })

  test('of events ends when its token expires', async () => {
    const { secret } = await made({ name: 'short', scope: 'read', expiresInS: 60 })
    const reader = await opened(secret)
    aheadMs = 60_001
    await happen()
    expect(await rest(reader)).toBe('')
  })

  test('of a long poll is 401 when its token was revoked meanwhile', async () => {
    const { id, secret } = await made({ name: 'poller', scope: 'read' })
    const body = { site: 'lab', target: { server: 'PSERVER1' }, reason: 'x' }
    const reset = await plane.ask('/v1/resets', { method: 'POST', body })
    const polled = ask(`/v1/resets/${reset.body.id}?wait=1.2`, secret)
    await until('it waits', () => own.listeners() === 1)
    await plane.ask(`/v1/tokens/${id}`, { method: 'DELETE' })
    const answer = await polled
    expect(answer.status).toBe(401)
    expect(await answer.text()).not.toContain('PSERVER1')
  })

  test('leaves nothing behind when only its head was asked for', async () => {
    for (let asked = 0; asked < 20; asked += 1) {
      const answer = await ask('/v1/events', plane.admin, 'HEAD')
      expect([answer.status, await answer.text()]).toEqual([200, ''])
    }
    await until('no listener', () => own.listeners() === 0)
  })

  test('leaves nothing behind when its reader goes', async () => {
    const reader = await opened(plane.admin)
    expect(own.listeners()).toBe(1)
    await reader.cancel()
    await until('no listener', () => own.listeners() === 0)
  })

  test('of events ends with the database, says so in the log, and leaves nothing behind', async () => {
    const reader = await opened(plane.admin)
    await plane.database((db) => db.execute('alter table events rename to hidden'))
    try {
      own.signals.notify('events')
      expect(await rest(reader)).toBe('')
    } finally {
      await plane.database((db) => db.execute('alter table hidden rename to events'))
    }
    expect(logged).toEqual(['events-failed'])
    expect(own.listeners()).toBe(0)
  })

  test('of the audit is broken off when the database fails on the way', async () => {
    // Five pages, of which no socket holds the first three: the last ones wait for the reader.
    await plane.database((db) =>
      db.execute(
        `insert into agent_keys values ('lab', 'HACON1', 'k', '{}', '');
         insert into records
         select 'h' || n, 'lab', 'HACON1', 'k', n, 'x', null, null, '', '"' || repeat('x', 12000) || '"'
         from generate_series(1, 2400) n`,
      ),
    )
    const whole = await ask('/v1/audit?site=lab')
    const overHttp = await fetch(`${plane.url}/v1/audit?site=lab`, {
      headers: { authorization: `Bearer ${plane.admin}` },
    })
    expect([whole.status, overHttp.status]).toEqual([200, 200])
    await plane.database((db) => db.execute('alter table heads rename to hidden'))
    try {
      await expect(whole.text()).rejects.toThrow('the export failed')
      expect(logged).toEqual(['export-failed'])
      await expect(overHttp.text()).rejects.toThrow()
      const later = await ask('/v1/audit?site=lab')
      expect([later.status, later.headers.get('content-type')]).toEqual([
        500,
        'application/problem+json',
      ])
    } finally {
      await plane.database((db) => db.execute('alter table hidden rename to heads'))
    }
  })
})
