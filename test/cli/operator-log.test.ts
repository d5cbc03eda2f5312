import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../edge/control-plane.ts'
import { openControlPlane, SITE_YAML, type SiteOnControlPlane } from './site-on-control-plane.ts'

let here: SiteOnControlPlane

beforeAll(async () => {
  here = await openControlPlane()
  writeFileSync(here.siteFile, SITE_YAML)
  writeFileSync(join(here.directory, 'p1'), 'secret-of-p1\n')
  await here.enrol('HACON1')
  await here.terminal().run('apply', '-f', here.siteFile)
  await here.terminal().run('reset', 'PSERVER9', '--reason', 'there is no such server')
  await until('all is written', async () => (await items()).length === 4)
}, 60_000)
afterAll(() => here?.stop(), 30_000)

async function items(...more: string[]) {
  const { out } = await here.terminal().run('operator-log', '--json', ...more)
  return JSON.parse(out).items
}

test('each change stands there with who asked, how it ended and by which client', async () => {
  const { exit, out, err } = await here.terminal().run('operator-log')
  expect({ exit, err }).toEqual({ exit: 0, err: '' })
  const rows = out.split('\n').filter((line) => line.includes('/v1/'))
  expect(rows).toHaveLength(4)
  expect(rows[0]).toMatch(/admin +POST \/v1\/sites\/\{site\}\/enrolments +tokyo1 +HACON1 +201/)
  expect(rows[1]).toMatch(/-- +POST \/v1\/agents\/enroll +tokyo1 +HACON1 +200/)
  expect(rows[2]).toMatch(/admin +PUT \/v1\/sites\/\{site\} +tokyo1 +-- +200/)
  expect(rows[3]).toMatch(/admin +POST \/v1\/resets +tokyo1 +PSERVER9 +404 unknown-server/)
  for (const index of [0, 2, 3]) expect(rows[index]).toMatch(/127\.0\.0\.1 +palisade\/0\.1\.0$/)
})

test('filters narrow it, and the newest are shown when there are too many', async () => {
  expect(await items('--site', 'osaka')).toEqual([])
  expect(await items('--from', '2100-01-01T00:00:00Z')).toEqual([])
  const all = await items()
  expect(await items('--after', String(all[2].id))).toEqual([all[3]])
  const { err, out } = await here.terminal().run('operator-log', '--limit', '1', '--json')
  expect(JSON.parse(out)).toEqual({ items: [all[3]], leftOut: 3 })
  expect(err).toContain('3 older entries are left out')
})

test('without an admin token it is refused', async () => {
  const made = await here.terminal().run('token', 'create', 'watcher', '--scope', 'read')
  const { exit, err } = await here.terminal({ PALISADE_TOKEN: made.out.trim() }).run('operator-log')
  expect(exit).toBe(3)
  expect(err).toContain('forbidden')
})
