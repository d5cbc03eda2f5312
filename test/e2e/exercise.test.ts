// The exercise as an operator runs it: the command, the control plane, an agent and the lab's devices, each a
// process of its own. The oracle of the lab counts the cuts.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { ownPostgres } from './own-postgres.ts'
import { applySite, startLabSite } from './palisade.ts'
import { Closing } from './programs.ts'

const closing = new Closing()
afterAll(() => closing.run())

test('every used outlet is cut once and comes back, under a server that runs on', async () => {
  const rig = await startLabSite(closing, await ownPostgres(closing))
  const { lab, palisade, api } = rig
  await applySite(rig, onlyOneServerFed(lab.siteFile))
  await api.allLinksOk()
  const { os: before } = await lab.oracle.server('PSERVER1')

  const strict = await palisade(['drill', '--dry-run'])
  expect(strict.stdout).toContain('no-healthy-partner: cluster db has no other healthy system')
  const { code, stdout, stderr } = await palisade(['drill', '--yes', '--trust-unregistered'])
  expect(stdout, stderr).toMatch(/PSERVER1 +pdu-a\/3 +right +51h of PSERVER1/)
  expect(stdout).toMatch(/PSERVER1 +pdu-b\/3 +right +52h of PSERVER1/)
  expect(stdout).toMatch(/exercise exr_\w+: passed/)
  expect(code).toBe(0)

  for (const pdu of ['pdu-a', 'pdu-b']) {
    const orders = (await lab.oracle.pdu(pdu)).orders.map(({ outlet, to }) => `${outlet} ${to}`)
    expect(orders).toEqual(['3 off', '3 on'])
  }
  expect((await lab.oracle.server('PSERVER1')).os).toMatchObject({ bootId: before.bootId })
  const { servers } = await api.status()
  expect(servers.find(({ name }) => name === 'PSERVER1')).toMatchObject({
    wiring: { value: 'proven' },
  })
}, 120_000)

/** The demonstration with its first pair alone, of which one has feeds: it takes seconds, not minutes. */
function onlyOneServerFed(siteFile: string): string {
  const file = parse(readFileSync(siteFile, 'utf8'))
  const unfed = { pduControl: false, feeds: [] }
  const [first, second] = file.spec.servers
  file.spec.servers = [first, { ...second, ...unfed }]
  file.spec.managementServers = file.spec.managementServers.map((server: object) => {
    return { ...server, ...unfed }
  })
  file.spec.clusters = file.spec.clusters.slice(0, 1)
  const place = join(dirname(siteFile), 'exercise.yaml')
  writeFileSync(place, stringify(file))
  return place
}
