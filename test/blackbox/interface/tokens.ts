import { beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../edge/control-plane.ts'
import { type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'

export function tokenTests(on: () => Target): void {
  describe('tokens', () => {
    let plane: Plane
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })

    const make = (body: object, token?: string, key?: string) =>
      plane.ask('/v1/tokens', {
        method: 'POST',
        body,
        ...(token === undefined ? {} : { token }),
        ...(key === undefined ? {} : { key }),
      })

    test('the secret is shown once', async () => {
      const { status, body } = await make({
        name: 'ci',
        scope: 'operate',
        site: 'lab',
        cluster: 'db',
      })
      expect(status).toBe(201)
      expect(body).toMatchObject({ name: 'ci', scope: 'operate', site: 'lab', cluster: 'db' })
      expect(body.token).toMatch(/^pal_[A-Za-z0-9_-]{43}$/)
      const listed = await plane.ask('/v1/tokens')
      expect(JSON.stringify(listed.body)).not.toContain(body.token)
    })

    test('a request that comes twice makes one token', async () => {
      const first = await make({ name: 'twice', scope: 'read' }, undefined, 'same-key')
      expect(first.status).toBe(201)
      const again = await make({ name: 'twice', scope: 'read' }, undefined, 'same-key')
      expect([again.status, again.body.code]).toEqual([409, 'key-used'])
      expect(again.body.detail).toContain(first.body.id)
    })

    test('a revoked token opens nothing, and one that expires as little', async () => {
      const { body } = await make({ name: 'short', scope: 'read' })
      expect((await plane.ask('/v1/sites', { token: body.token })).status).toBe(200)
      expect((await plane.ask(`/v1/tokens/${body.id}`, { method: 'DELETE' })).status).toBe(204)
      expect((await plane.ask('/v1/sites', { token: body.token })).status).toBe(401)
      const none = await plane.ask('/v1/tokens/tok_none', { method: 'DELETE' })
      expect([none.status, none.body.code]).toEqual([404, 'unknown-token'])
      const old = await make({ name: 'old', scope: 'read', expiresInS: 1 })
      await until('the token expires', async () => {
        return (await plane.ask('/v1/sites', { token: old.body.token })).status === 401
      })
    })

    test('only an admin makes, lists and revokes tokens', async () => {
      for (const scope of ['read', 'operate']) {
        const token = await plane.token({ name: scope, scope })
        expect((await make({ name: 'more', scope: 'admin' }, token)).status).toBe(403)
        expect((await plane.ask('/v1/tokens', { token })).status).toBe(403)
        expect((await plane.ask('/v1/tokens/x', { method: 'DELETE', token })).status).toBe(403)
      }
    })

    test('a scope that makes no sense is refused', async () => {
      for (const body of [
        { name: 'x', scope: 'admin', site: 'lab' },
        { name: 'x', scope: 'operate', cluster: 'db' },
        { name: 'x', scope: 'read', site: 'lab', cluster: 'db' },
        { name: 'x', scope: 'root' },
        { name: 'no spaces', scope: 'read' },
      ]) {
        expect((await make(body)).body.code, JSON.stringify(body)).toBe('invalid-request')
      }
    })
  })
}

/** Comes last: nobody asks as the first administrator afterwards. */
export function revokedAdminTests(on: () => Target): void {
  describe('the first token of the administrator', () => {
    test('stays revoked over a restart', async () => {
      const plane = planeAt(on().url, on().adminToken)
      const { body } = await plane.ask('/v1/tokens?limit=200')
      const first = body.items.find(({ createdBy }: { createdBy: string }) => createdBy === 'start')
      const spare = await plane.token({ name: 'spare', scope: 'admin' })
      await plane.ask(`/v1/tokens/${first.id}`, { method: 'DELETE' })
      await on().kill()
      await on().start()
      expect((await plane.ask('/v1/sites')).status).toBe(401)
      expect((await plane.ask('/v1/sites', { token: spare })).status).toBe(200)
    })
  })
}
