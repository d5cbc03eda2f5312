// What only Node's server does, and what a look behind the interface shows; the rest is tested from outside, in
// test/blackbox.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane } from './control-plane.ts'

describe.skipIf(findPostgres() === undefined)('the HTTP interface', () => {
  let plane: TestPlane
  beforeAll(async () => {
    plane = await startTestPlane()
  }, 60_000)
  afterAll(() => plane.stop())

  test('what goes wrong inside is told to the log and not to the caller', async () => {
    await plane.database((db) => db.execute('alter table resets rename to hidden'))
    try {
      const answer = await plane.ask('/v1/resets')
      expect([answer.status, answer.body.code]).toEqual([500, 'internal'])
      expect(JSON.stringify(answer.body)).not.toMatch(/resets|select|relation/)
      expect(plane.logged.map(({ event }) => event)).toContain('request-failed')
    } finally {
      await plane.database((db) => db.execute('alter table hidden rename to resets'))
    }
  })

  test('a client that offers another protocol is answered in this one', async () => {
    const { port } = new URL(plane.url)
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(
      'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n' +
        'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
    )
    const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(5000) })
    socket.destroy()
    expect(String(answer)).toMatch(/^HTTP\/1.1 200 /)
  })
})
