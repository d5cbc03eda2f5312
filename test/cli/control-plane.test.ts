import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SEAL_PURPOSE } from '../../protocol/credential.ts'
import { openSealed } from '../../protocol/seal.ts'
import type { PlayedAgent } from './played-agent.ts'
import { openControlPlane, SITE_YAML, type SiteOnControlPlane } from './site-on-control-plane.ts'

let here: SiteOnControlPlane
let agent: PlayedAgent

beforeAll(async () => {
  here = await openControlPlane()
  writeFileSync(here.siteFile, SITE_YAML)
  writeFileSync(join(here.directory, 'p1'), 'secret-of-p1\n')
}, 60_000)
afterAll(() => here?.stop(), 30_000)

describe('before anything is set up', () => {
  test('status says that there is no site and what to do', async () => {
    const { exit, err } = await here.terminal().run('show', 'status')
    expect(exit).toBe(3)
    expect(err).toContain('palisade apply -f FILE')
  })

  test('a wrong token is refused with a way out', async () => {
    const { exit, err } = await here.terminal({ PALISADE_TOKEN: 'pal_wrong' }).run('show', 'status')
    expect(exit).toBe(3)
    expect(err).toContain('unauthorized')
    expect(err).toContain('next: check PALISADE_TOKEN')
    expect(err).not.toContain('pal_wrong')
  })

  test('apply without an agent tells how to enrol one', async () => {
    const { exit, err } = await here.terminal().run('apply', '-f', here.siteFile)
    expect(exit).toBe(3)
    expect(err).toContain('palisade agent enroll NAME --site tokyo1')
  })

  test('a dry run plans without an agent and changes nothing', async () => {
    const { exit, out } = await here.terminal().run('apply', '-f', here.siteFile, '--dry-run')
    expect(exit).toBe(0)
    expect(out).toContain('dry run: nothing was applied')
    expect(out).toMatch(/server +PSERVER1 +Add +Success/)
    expect((await here.terminal().run('show', 'status')).exit).toBe(3)
  })
})

describe('set up', () => {
  test('an agent enrols by the token, which a file takes without showing it', async () => {
    const file = join(here.directory, 'token-of-hacon9')
    const shown = await here
      .terminal()
      .run('agent', 'enroll', 'HACON9', '--site', 'tokyo1', '--out', file)
    expect(shown).toMatchObject({ exit: 0, out: '' })
    expect(readFileSync(file, 'utf8')).toMatch(/^ple_/)
    expect(statSync(file).mode & 0o077).toBe(0)
    agent = await here.enrol('HACON1')
  })

  test('apply seals every credential, so that only the agents can read it', async () => {
    const { exit, out } = await here.terminal().run('apply', '-f', here.siteFile, '--json')
    expect(exit).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ result: 'completed', agents: [{ name: 'HACON1' }] })
    const settings = await here.terminal().run('show', 'settings', '--json')
    for (const secret of ['secret-of-p1', 'secret-of-p2', 'public']) {
      expect(settings.out).not.toContain(secret)
    }
    const { spec } = JSON.parse(settings.out)
    const scope = { site: 'tokyo1', purpose: SEAL_PURPOSE.bmcPassword }
    const { sealed } = spec.servers[0].bmc.password
    expect(await openSealed(sealed, scope, agent.opening)).toEqual({ secret: 'secret-of-p1' })
  })

  test('the same file again changes nothing, unless it is to be sealed anew', async () => {
    const again = await here.terminal().run('apply', '-f', here.siteFile)
    expect(again.exit).toBe(0)
    expect(again.out).toContain('nothing differs')
    const anew = await here.terminal().run('apply', '-f', here.siteFile, '--reseal', '--dry-run')
    expect(anew.out).toMatch(/PDU +pdu-a +Change +Success +snmp/)
  })

  test('a document that was read can be applied as it is', async () => {
    const { out } = await here.terminal().run('show', 'settings', '--json')
    const copy = join(here.directory, 'copy.json')
    writeFileSync(copy, out)
    const { exit, out: report } = await here.terminal().run('apply', '-f', copy)
    expect(exit).toBe(0)
    expect(report).toContain('nothing differs')
  })

  test('bad fields are told with value and what is allowed, and nothing is applied', async () => {
    const bad = join(here.directory, 'bad.yaml')
    writeFileSync(bad, SITE_YAML.replace('hardResetTimeoutS: 5', 'hardResetTimeoutS: 3'))
    const { exit, err } = await here.terminal().run('apply', '-f', bad)
    expect(exit).toBe(3)
    expect(err).toContain('/spec/servers/0/hardResetTimeoutS')
    expect(err).toContain('value    3')
    expect(err).toContain('allowed  a whole number from 5 to 60')
    const asJson = await here.terminal().run('apply', '-f', bad, '--json')
    expect(JSON.parse(asJson.out)).toMatchObject({
      error: { code: 'invalid-site', errors: [{ value: 3 }] },
    })
  })

  test('a credential beyond its limit never leaves this machine', async () => {
    const bad = join(here.directory, 'bad.yaml')
    writeFileSync(bad, SITE_YAML.replace('secret-of-p2', 'hunter2-hunter2-hunter2'))
    const { exit, out, err } = await here.terminal().run('apply', '-f', bad)
    expect(exit).toBe(2)
    expect(err).toContain('/spec/servers/1/bmc/password')
    expect(out + err).not.toContain('hunter2')
  })

  test('a memory that cannot be written costs a warning and no more', async () => {
    const home = join(here.directory, 'full')
    mkdirSync(home)
    writeFileSync(join(home, '.local'), '')
    const { exit, err } = await here.terminal({ HOME: home }).run('apply', '-f', here.siteFile)
    expect(exit).toBe(0)
    expect(err).toContain('the next apply seals anew')
  })
})

describe('looking', () => {
  test('every table is there and every one is JSON too', async () => {
    for (const part of ['status', 'settings', 'systems', 'pdus', 'agents', 'version', 'resets']) {
      const table = await here.terminal().run('show', part)
      expect(table, part).toMatchObject({ exit: 0, err: '' })
      const json = await here.terminal().run('show', part, '--json')
      expect(() => JSON.parse(json.out), part).not.toThrow()
    }
  })

  test('what the agent observed is shown, and as old once it is gone', async () => {
    const readAt = '2026-01-31T09:00:00.000000Z'
    const seen = {
      kind: 'observed',
      subject: 'server',
      name: 'PSERVER1',
      detail: '',
      readAt,
    } as const
    await agent.report(
      { ...seen, attribute: 'bmc', value: 'OK' },
      { ...seen, attribute: 'power', value: 'pon' },
    )
    const live = await here.terminal().run('show', 'status')
    expect(live.out).toMatch(/HACON1 +-- +active +normal/)
    expect(live.out).toMatch(/PSERVER1 +pon +OK/)
    agent.close()
    await expect
      .poll(async () => (await here.terminal().run('show', 'status')).out, { timeout: 5000 })
      .toMatch(/PSERVER1 +pon \(\d+ \w+ ago\) +OK \(/)
    expect((await here.terminal().run('agent', 'list')).out).toContain('not running')
  })

  test('filters narrow systems and PDUs', async () => {
    const systems = await here.terminal().run('show', 'systems', '--server', 'PSERVER2', '--json')
    expect(JSON.parse(systems.out).systems.map(({ number }: { number: number }) => number)).toEqual(
      [10_002],
    )
    const pdus = await here.terminal().run('show', 'pdus', '--pdu', 'nothing', '--json')
    expect(JSON.parse(pdus.out)).toEqual({ pdus: [] })
  })

  test('a site that is not there is refused', async () => {
    const { exit, err } = await here.terminal().run('show', 'status', '--site', 'osaka')
    expect(exit).toBe(3)
    expect(err).toContain('unknown-site')
  })
})

describe('tokens', () => {
  test('a token is shown once, works within its scope, and is useless once revoked', async () => {
    const admin = here.terminal()
    const made = await admin.run('token', 'create', 'watcher', '--scope', 'read', '--days', '1')
    expect(made.exit).toBe(0)
    const reader = here.terminal({ PALISADE_TOKEN: made.out.trim() })
    expect((await reader.run('show', 'status')).exit).toBe(0)
    const refused = await reader.run('reset', 'PSERVER1', '--reason', 'no right to')
    expect(refused.exit).toBe(3)
    expect(refused.err).toContain('forbidden')

    const { out } = await admin.run('token', 'list', '--json')
    expect(out).not.toContain(made.out.trim())
    const { items } = JSON.parse(out) as { items: { id: string; name: string }[] }
    const id = items.find(({ name }) => name === 'watcher')?.id ?? ''
    expect((await admin.run('token', 'revoke', id)).exit).toBe(0)
    expect((await reader.run('show', 'status')).exit).toBe(3)
    expect((await admin.run('token', 'revoke', 'tok_none')).exit).toBe(3)
  })
})

test('version tells this program and the control plane, also without a token', async () => {
  const { exit, out } = await here.terminal({ PALISADE_TOKEN: '' }).run('version', '--offline')
  expect({ exit, out }).toEqual({ exit: 0, out: 'palisade 0.1.0\n' })
  expect((await here.terminal().run('version')).out).toContain('control plane 0.1.0')
})
