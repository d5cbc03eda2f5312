// What is kept of secrets, and when they stop opening anything; the rest of tokens and enrolment is tested from
// outside, in test/blackbox.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseEnrolmentToken } from '../../protocol/enrolment.ts'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane } from './control-plane.ts'
import { makeKeys, TestAgent } from './test-agent.ts'

describe.skipIf(findPostgres() === undefined)('secrets at rest', () => {
  let plane: TestPlane
  beforeAll(async () => {
    plane = await startTestPlane()
  }, 60_000)
  afterAll(() => plane.stop())

  const dumpOf = async (table: string) =>
    JSON.stringify(await plane.database((db) => db.execute(`select * from ${table}`)))
  const offer = async (name: string) => {
    const ask = { method: 'POST', body: { name } }
    return (await plane.ask('/v1/sites/lab/enrolments', ask)).body.token
  }

  test('a token is kept as a hash only, and in no log', async () => {
    const secret = await plane.token({ name: 'ci', scope: 'read' })
    expect(await dumpOf('tokens')).not.toContain(secret)
    expect(JSON.stringify(plane.logged)).not.toContain('pal_')
  })

  test('an enrolment token is kept as a hash only', async () => {
    const secret = parseEnrolmentToken(await offer('HACON1'))?.secret
    if (secret === undefined) throw new Error('a token has a secret')
    expect(await dumpOf('enrolments')).not.toContain(secret)
  })

  test('an expired token opens nothing', async () => {
    const body = { name: 'old', scope: 'read', expiresInS: 60 }
    const { body: old } = await plane.ask('/v1/tokens', { method: 'POST', body })
    expect((await plane.ask('/v1/sites', { token: old.token })).status).toBe(200)
    await plane.database((db) =>
      db.execute(`update tokens set expires_at_ms = 1 where id = '${old.id}'`),
    )
    expect((await plane.ask('/v1/sites', { token: old.token })).status).toBe(401)
  })

  test('an expired enrolment token enrols nobody', async () => {
    const agent = new TestAgent(plane, { site: 'lab', name: 'HACON2' }, await makeKeys())
    const token = await offer('HACON2')
    await plane.database((db) => db.execute(`update enrolments set expires_at_ms = 1`))
    expect((await agent.enrol(token)).status).toBe(403)
  })

  test('files with secrets are for this user only', () => {
    for (const file of ['admin-token', 'signing-key.jwk']) {
      expect(statSync(join(plane.dataDirectory, file)).mode & 0o777).toBe(0o600)
    }
  })
})
