import { expect, test } from 'vitest'
import {
  claimEnrolment,
  createEnrolment,
  enrolAgent,
  findAgent,
  listAgentKeys,
  noteProgress,
} from '../../db/agents.ts'
import { createToken, findLiveToken, revokeToken } from '../../db/tokens.ts'
import { describeOnBoth, describeOnPostgres } from './both.ts'

const AT = '2026-01-01T00:00:00.000000Z'
const enrolment = (hash: string) => ({
  hash,
  site: 'lab',
  agent: 'A',
  createdAt: AT,
  createdBy: 'key:admin',
  expiresAtMs: 1000,
})

describeOnPostgres('racing enrolments', (database) => {
  test('of two keys that use one token at once exactly one enrols', async () => {
    const { db } = database()
    await createEnrolment(db, enrolment('race'))
    const claims = await Promise.all(
      ['k1', 'k2', 'k3', 'k4'].map((usedBy) =>
        claimEnrolment(db, { hash: 'race', usedBy, usedAt: AT, nowMs: 1 }),
      ),
    )
    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1)
  })
})

describeOnBoth('agents and tokens', (database) => {
  test('an enrolment is used once, again by the same key, and not after its expiry', async () => {
    const { db } = database()
    await createEnrolment(db, enrolment('once'))
    const claim = (usedBy: string, nowMs: number) =>
      claimEnrolment(db, { hash: 'once', usedBy, usedAt: AT, nowMs })
    expect(await claim('k1', 1000)).toBeUndefined()
    expect(await claim('k1', 999)).toMatchObject({ agent: 'A' })
    expect(await claim('k2', 999)).toBeUndefined()
    expect(await claim('k1', 999)).toMatchObject({ agent: 'A' })
  })

  test('a new key begins a new chain, the same key goes on with its own', async () => {
    const { db } = database()
    const agent = { site: 'lab', name: 'A', key: {}, enrolment: {}, enrolledAt: AT }
    await enrolAgent(db, { ...agent, kid: 'k1' })
    await noteProgress(db, { site: 'lab', name: 'A', received: 7, revision: 2, epoch: 0 })
    await enrolAgent(db, { ...agent, kid: 'k1' })
    expect(await findAgent(db, 'lab', 'A')).toMatchObject({ received: 7, revision: 2 })
    await enrolAgent(db, { ...agent, kid: 'k2' })
    expect(await findAgent(db, 'lab', 'A')).toMatchObject({ received: 0, revision: 0, kid: 'k2' })
    expect((await listAgentKeys(db, 'lab')).map(({ kid }) => kid)).toEqual(['k1', 'k2'])
  })

  test('a token lives until it expires or is revoked', async () => {
    const { db } = database()
    const token = {
      id: 'tok_1',
      hash: 'th',
      name: 'ci',
      scope: 'read' as const,
      site: null,
      cluster: null,
      createdAt: AT,
      createdBy: 'key:admin',
      expiresAtMs: 1000,
    }
    expect(await createToken(db, token)).toBe(true)
    expect(await createToken(db, { ...token, hash: 'other' })).toBe(false)
    expect(await findLiveToken(db, 'th', 999)).toMatchObject({ name: 'ci' })
    expect(await findLiveToken(db, 'th', 1000)).toBeUndefined()
    expect(await revokeToken(db, 'tok_1', AT)).toBe(true)
    expect(await revokeToken(db, 'tok_1', AT)).toBe(true)
    expect(await findLiveToken(db, 'th', 1)).toBeUndefined()
    expect(await revokeToken(db, 'tok_none', AT)).toBe(false)
  })
})
