import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { planeAt } from '../blackbox/client.ts'
import { Closing } from '../e2e/programs.ts'
import { startWorkerd } from '../e2e/workerd.ts'
import { findPostgres, startPostgres } from '../postgres.ts'

describe.skipIf(findPostgres() === undefined)('a Worker that lacks what it needs', () => {
  const closing = new Closing()
  afterAll(() => closing.run())

  test('answers each request with all faults by name, and tells no value', async () => {
    const postgres = await startPostgres()
    closing.add(() => postgres.stop())
    const directory = join(closing.directory(), 'worker')
    mkdirSync(directory)
    writeFileSync(join(directory, 'signing-key.jwk'), '{"kty":"OKP","d":"HALFAKEY"}')
    writeFileSync(join(directory, 'admin-token'), 'pal_EXAMPLE-TOKEN-EXAMPLE-TOKEN-EXAMPLE-TOKEN')
    const workerd = await startWorkerd({
      directory,
      databaseUrl: await postgres.emptyDatabase(),
      variables: { PALISADE_SWEEP_S: '5' },
    })
    closing.add(() => workerd.stop())
    const plane = planeAt(workerd.url, workerd.adminToken)
    const names = ['PALISADE_SIGNING_KEY', 'PALISADE_ADMIN_TOKEN', 'PALISADE_SWEEP_S']
    for (const [path, method] of [
      ['/healthz', 'GET'],
      ['/v1/sites/lab/status', 'GET'],
      ['/v1/resets/rst_0123456789abcdefghjkmnpqrs', 'GET'],
      ['/v1/resets', 'POST'],
    ] as const) {
      const body = method === 'POST' ? { site: 'lab' } : undefined
      const answer = await plane.ask(path, { method, body })
      expect(answer, path).toMatchObject({
        status: 503,
        type: 'application/problem+json',
        body: { code: 'misconfigured' },
      })
      expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(
        names.map((name) => `/${name}`),
      )
    }
    expect(workerd.log()).toContain('misconfigured')
    expect(workerd.log()).not.toMatch(/HALFAKEY|EXAMPLE-TOKEN/)
  })
})
