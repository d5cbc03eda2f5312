import { beforeAll, describe, expect, test } from 'vitest'
import { SOFTWARE_VERSION } from '../../../protocol/version.ts'
import { nodeClock } from '../../../runtime/node.ts'
import { ownApp } from '../../edge/own-app.ts'
import { type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'

export function httpTests(on: () => Target): void {
  describe('the HTTP interface', () => {
    let plane: Plane
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })

    const code = ({
      status,
      type,
      body,
    }: {
      status: number
      type: string
      body: { code?: string }
    }) => {
      expect(type).toContain('application/problem+json')
      return [status, body.code]
    }

    test('health is for everybody, and readiness asks the database', async () => {
      for (const path of ['/healthz', '/readyz']) {
        expect((await plane.ask(path, { token: null })).body).toMatchObject({ status: 'ok' })
      }
    })

    test('every route of the OpenAPI document but the open ones asks for a token', async () => {
      const { body } = await plane.ask('/openapi.json', { token: null })
      expect(body.openapi).toBe('3.1.0')
      const open = ['/healthz', '/readyz', '/v1/keys', '/v1/agents/enroll']
      let guarded = 0
      for (const [path, item] of Object.entries<Record<string, { security?: unknown }>>(
        body.paths,
      )) {
        for (const [method, operation] of Object.entries(item)) {
          if (open.includes(path)) continue
          guarded += 1
          expect(operation.security, `${method} ${path}`).toEqual([{ bearer: [] }])
          const concrete = path.replaceAll(/\{\w+\}/g, 'x')
          for (const token of [null, 'pal_wrong', '']) {
            const answer = await plane.ask(concrete, { method: method.toUpperCase(), token })
            expect(code(answer), `${method} ${path}`).toEqual([401, 'unauthorized'])
          }
        }
      }
      expect(guarded).toBeGreaterThan(12)
    })

    test('the OpenAPI document is the same wherever it is served', async () => {
      // No query is made for it, so there need not be a database.
      const reference = await ownApp('postgres://127.0.0.1:1/none', nodeClock)
      const made = await (await reference.app.request('/openapi.json')).json()
      await reference.stop()
      const { body } = await plane.ask('/openapi.json', { token: null })
      expect(body.info.version).toBe(SOFTWARE_VERSION)
      expect({ ...body, info: { ...body.info, version: 'test' } }).toEqual(made)
    })

    test('every error is a problem with its code', async () => {
      const post = (body: unknown, headers?: Record<string, string>) =>
        plane.ask('/v1/resets', { method: 'POST', body, ...(headers ? { headers } : {}) })
      expect(code(await plane.ask('/nothing'))).toEqual([404, 'not-found'])
      expect(code(await plane.ask('/v1/nothing'))).toEqual([404, 'not-found'])
      expect(code(await post('{bad'))).toEqual([400, 'malformed-json'])
      expect(code(await post(''))).toEqual([400, 'malformed-json'])
      expect(code(await post('x', { 'content-type': 'text/plain' }))).toEqual([
        415,
        'unsupported-media-type',
      ])
      expect(code(await post({ reason: 'x'.repeat(70_000) }))).toEqual([413, 'payload-too-large'])
      const wrong = await plane.ask('/v1/sites', { method: 'DELETE' })
      expect(code(wrong)).toEqual([405, 'method-not-allowed'])
      expect(wrong.headers.get('allow')).toBe('GET')
    })

    test.each(['{', 'null x', '{"site":"lab",}', '\u0000'])(
      '%j for a body is 400',
      async (body) => {
        const answer = await plane.ask('/v1/resets', { method: 'POST', body })
        expect(code(answer)).toEqual([400, 'malformed-json'])
      },
    )

    test('a body without a length is refused before it is read', async () => {
      const response = await fetch(`${plane.url}/v1/resets`, {
        method: 'POST',
        headers: { authorization: `Bearer ${plane.admin}`, 'content-type': 'application/json' },
        body: new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('{}'))
            controller.close()
          },
        }),
        duplex: 'half',
      } as RequestInit)
      expect(response.status).toBe(411)
      expect(await response.json()).toMatchObject({ code: 'length-required' })
    })

    test('a field too many, too few or of the wrong kind is pointed at', async () => {
      const good = { site: 'lab', target: { server: 'PSERVER5' }, reason: 'x' }
      for (const [body, pointer] of [
        [{ target: good.target, reason: 'x' }, '/site'],
        [{ ...good, mode: 'gentle' }, '/mode'],
        [{ ...good, reason: '' }, '/reason'],
        [{ ...good, force: true }, '/force'],
        [{ ...good, target: { system: 'one' } }, '/target/system'],
      ] as const) {
        const answer = await plane.ask('/v1/resets', { method: 'POST', body })
        expect(code(answer)).toEqual([400, 'invalid-request'])
        expect(answer.body.errors).toContainEqual(expect.objectContaining({ pointer }))
      }
    })

    test('each bad field of a body is pointed at', async () => {
      const body = { site: 'lab', target: { systm: 1 }, reason: ' ', extra: true }
      const answer = await plane.ask('/v1/resets', { method: 'POST', body })
      expect(code(answer)).toEqual([400, 'invalid-request'])
      const pointers = answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)
      expect(pointers).toEqual(
        expect.arrayContaining(['/target/system', '/target/systm', '/reason', '/extra']),
      )
    })

    test('text that no database holds is answered like any other', async () => {
      const answer = await plane.ask('/v1/sites/%00')
      expect(code(answer)).toEqual([404, 'unknown-site'])
      expect((await plane.ask('/v1/resets/rst_%00')).status).toBe(404)
      expect((await plane.ask('/v1/resets?server=%00')).body.items).toEqual([])
    })

    test('metrics are Prometheus text', async () => {
      const { type, body } = await plane.ask('/metrics')
      expect(type).toBe('text/plain; version=0.0.4; charset=utf-8')
      expect(body.endsWith('\n')).toBe(true)
    })

    test('an agent link that is no WebSocket is told so', async () => {
      expect(code(await plane.ask('/v1/agents/link?site=lab', { token: null }))).toEqual([
        426,
        'upgrade-required',
      ])
    })
  })
}
