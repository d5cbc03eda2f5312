import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { World } from '../../cli/world.ts'
import type { Clock } from '../../core/ports.ts'
import { generateSigningJwk } from '../../protocol/keys.ts'
import { nodeClock } from '../../runtime/node.ts'
import { until } from '../edge/control-plane.ts'
import type { PlayedAgent } from './played-agent.ts'
import { openControlPlane, SITE_YAML, type SiteOnControlPlane } from './site-on-control-plane.ts'

const SECRETS: Record<string, string> = {
  'password in a file': 'pWofP1-x7Qz9',
  'password in the site file': 'pWofP2-k3Lm8',
  'SNMP community': 'cOmm7Unity9xQ',
  'webhook secret': `whsec_${Buffer.from('webhook-signing-material').toString('base64')}`,
  'password in a log': 'loGGed-pass5word',
  'database password': 'dAtabase-pw-77',
}
/** In base64 and hex too, wherever a text begins. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const inBase64 = [0, 1, 2].flatMap((before) => {
    const shifted = Buffer.concat([Buffer.alloc(before), bytes])
    const from = Math.ceil((before * 8) / 6)
    const to = Math.floor((shifted.length * 8) / 6)
    return [
      shifted.toString('base64').slice(from, to),
      shifted.toString('base64url').slice(from, to),
    ]
  })
  const hex = bytes.toString('hex')
  return [secret, ...inBase64, hex, hex.toUpperCase()]
}

let here: SiteOnControlPlane
let agent: PlayedAgent
let state: string
let siteFile: string

beforeAll(async () => {
  here = await openControlPlane()
  state = join(here.directory, 'state')
  siteFile = here.siteFile
  writeFileSync(
    siteFile,
    SITE_YAML.replace('secret-of-p2', SECRETS['password in the site file'] ?? ''),
  )
  writeFileSync(join(here.directory, 'p1'), `${SECRETS['password in a file']}\n`)
  here.env['PDU'] = SECRETS['SNMP community'] ?? ''
  here.env['PALISADE_DATABASE_URL'] = `postgres://u:${SECRETS['database password']}@db.invalid/x`
  agent = await here.enrol('HACON1')
  const applied = await here.terminal().run('apply', '-f', siteFile)
  if (applied.exit !== 0) throw new Error(applied.err)
  await plant()
}, 60_000)
afterAll(() => here?.stop(), 30_000)

/** Every kind of secret there is, in every place where one could wrongly get to. */
async function plant(): Promise<void> {
  const terminal = here.terminal()
  const token = await terminal.run('token', 'create', 'ci', '--scope', 'operate')
  SECRETS['API token'] = token.out.trim()
  const offered = await terminal.run('agent', 'enroll', 'HACON7', '--site', 'tokyo1')
  SECRETS['enrolment token'] = offered.out.trim()
  SECRETS['admin token'] = here.token
  const signing = JSON.parse(readFileSync(join(state, 'signing-key.jwk'), 'utf8'))
  SECRETS['signing key'] = signing.d
  const identity = { sign: await generateSigningJwk(), seal: await generateSigningJwk() }
  SECRETS['key of an agent'] = identity.seal.d
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  SECRETS['PEM key'] = pem.split('\n')[1] ?? ''
  for (const planted of [SECRETS['API token'], SECRETS['enrolment token']]) {
    await terminal.run('token', 'revoke', planted ?? '')
    await terminal.run(
      'reset',
      'PSERVER1',
      '--wait',
      '0',
      '--reason',
      `with ${planted} and password=${SECRETS['password in a log']}`,
    )
  }
  await agent.report({
    kind: 'alarm',
    code: 'device-state',
    subject: 'PSERVER1',
    detail: `login refused for ${SECRETS['password in the site file']}, token ${SECRETS['API token']}`,
    raised: true,
  })

  const logs = join(state, 'logs')
  mkdirSync(logs)
  // Of a password that nobody knows here only its name tells that it is one.
  const { 'password in a log': unknown, ...others } = SECRETS
  const lines = Object.values(others).flatMap((secret) => [
    `plain ${secret} here`,
    `encoded ${Buffer.from(secret).toString('base64')} here`,
    `encoded ${Buffer.from(`user:${secret}`).toString('base64url')} here`,
    `encoded ${Buffer.from(secret).toString('hex')} here`,
    JSON.stringify({ at: 'now', said: JSON.stringify({ community: secret }) }),
  ])
  const text = ['first line', ...lines, `password: ${unknown}`, `${pem}last line`, ''].join('\n')
  for (const name of ['control-plane.log', 'control-plane.log.1', 'agent.log', 'agent.log.5']) {
    writeFileSync(join(logs, name), text)
  }
  writeFileSync(join(logs, 'other.txt'), 'not a log')
  symlinkSync(join(state, 'signing-key.jwk'), join(logs, 'linked.log'))
  const directory = join(state, 'agents', 'tokyo1', 'HACON1')
  mkdirSync(join(directory, 'journal'), { recursive: true })
  writeFileSync(join(directory, 'identity.json'), JSON.stringify(identity))
  const line = (seq: number) =>
    `0123abcd 0 ${JSON.stringify({ seq, at: `2026-01-0${seq}T00:00:00.000000Z`, kind: 'started' })}\n`
  writeFileSync(
    join(directory, 'journal', 'records-000000000000001'),
    `${line(1)}${line(2)}0123abcd 2 {"seq":3,"to`,
  )
  mkdirSync(join(state, 'agents', 'tokyo1', 'HACON2'))
}

interface Dumped {
  exit: number
  err: string
  /** The whole archive, unpacked by gunzip alone. */
  bytes: Buffer
  read(path: string): string
  paths: string[]
}

let dumps = 0
async function dump(
  argv: string[],
  env: Record<string, string> = {},
  changes: Partial<World> = {},
): Promise<Dumped> {
  const name = `dump-${++dumps}`
  const file = join(here.directory, `${name}.tar.gz`)
  const { exit, err } = await here.terminal(env, changes).run('dump', '-o', file, ...argv)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const target = join(here.directory, name)
  mkdirSync(target)
  execFileSync('tar', ['-xzf', file, '-C', target])
  const [root = ''] = readdirSync(target)
  const at = join(target, root)
  return {
    exit,
    err,
    bytes: gunzipSync(readFileSync(file)),
    read: (path) => readFileSync(join(at, path), 'utf8'),
    paths: readdirSync(at, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(at.length + 1))
      .sort(),
  }
}

describe('the support archive', () => {
  test('holds none of the secrets that were planted, in no spelling', async () => {
    const { exit, bytes, read } = await dump(['--data', state, '-f', siteFile])
    expect(exit).toBe(0)
    const found = Object.entries(SECRETS).flatMap(([what, secret]) =>
      spellings(secret).flatMap((spelling) =>
        bytes.includes(spelling) ? [`${what}: ${spelling}`] : [],
      ),
    )
    expect(found).toEqual([])
    expect(Object.keys(SECRETS).length).toBeGreaterThanOrEqual(12)
    // What stands around them is there: the search looked at the right bytes.
    for (const name of ['control-plane.log', 'control-plane.log.1', 'agent.log', 'agent.log.5']) {
      expect(read(`machine/logs/${name}`)).toMatch(
        /^first line\nplain .*masked[\s\S]*\nlast line\n$/,
      )
    }
    expect(read('notes.txt')).toMatch(/machine\/logs\/agent\.log: masked in \d+ places/)
  })

  test('masks what has the form of a secret even when nothing is known of it', async () => {
    const logs = join(here.directory, 'foreign', 'logs')
    mkdirSync(logs, { recursive: true })
    const unknown = { token: `pal_${'Qx8'.repeat(14)}y`, password: 'some-0ther-password' }
    const coded = Buffer.from(unknown.token).toString('base64')
    const text = `got ${unknown.token}, ${coded}, {"password":"${unknown.password}"}\n`
    writeFileSync(join(logs, 'agent.log'), text)
    const { bytes } = await dump(['--data', join(here.directory, 'foreign')])
    for (const secret of Object.values(unknown)) {
      for (const spelling of spellings(secret)) expect(bytes.includes(spelling)).toBe(false)
    }
  })

  test('holds versions, settings, states, audit, resets, operator log and the machine', async () => {
    await until('the operator log is written', async () => {
      const { out } = await here.terminal().run('operator-log', '--json')
      return JSON.parse(out).items.length >= 8
    })
    const { paths, read } = await dump(['--data', state])
    expect(paths).toEqual([
      'contents.json',
      'control-plane/health.json',
      'control-plane/metrics.txt',
      'control-plane/operator-log.ndjson',
      'control-plane/readiness.json',
      'machine/agents/tokyo1/HACON1/journal.json',
      'machine/files.txt',
      'machine/host.json',
      'machine/logs/agent.log',
      'machine/logs/agent.log.5',
      'machine/logs/control-plane.log',
      'machine/logs/control-plane.log.1',
      'notes.txt',
      'sites/tokyo1/agents.json',
      'sites/tokyo1/audit.ndjson',
      'sites/tokyo1/reset-log.txt',
      'sites/tokyo1/resets.json',
      'sites/tokyo1/settings.txt',
      'sites/tokyo1/site.json',
      'sites/tokyo1/status.json',
      'versions.json',
    ])
    expect(JSON.parse(read('versions.json'))).toMatchObject({
      palisade: '0.1.0',
      controlPlane: '0.1.0',
      openApi: '3.1.0',
      agents: [{ site: 'tokyo1', name: 'HACON1', version: '0.1.0' }],
    })
    const site = JSON.parse(read('sites/tokyo1/site.json'))
    expect(site.spec.servers[0].bmc.password).toEqual({
      sealed: expect.stringMatching(/^sha256:[0-9a-f]{12}$/),
    })
    const { out } = await here.terminal().run('show', 'settings', '--json')
    const { sealed } = JSON.parse(out).spec.servers[0].bmc.password
    const digest = createHash('sha256').update(sealed).digest('hex')
    expect(site.spec.servers[0].bmc.password.sealed).toBe(`sha256:${digest.slice(0, 12)}`)
    expect(read('sites/tokyo1/settings.txt')).toContain('PSERVER1')
    expect(JSON.parse(read('sites/tokyo1/resets.json')).items).toHaveLength(1)
    expect(read('sites/tokyo1/audit.ndjson')).toMatch(/"type":"key"[\s\S]*"type":"head"/)
    expect(read('control-plane/operator-log.ndjson')).toContain('"route":"/v1/sites/{site}"')
    expect(JSON.parse(read('machine/agents/tokyo1/HACON1/journal.json'))).toMatchObject({
      segments: [
        { lines: 3, odd: 1, firstSeq: 1, lastSeq: 2, lastAt: '2026-01-02T00:00:00.000000Z' },
      ],
      kinds: { started: 2 },
    })
    expect(read('machine/files.txt')).toMatch(/^100600 +\d+ \S+ \.\/signing-key\.jwk$/m)
    const notes = read('notes.txt')
    expect(notes).toContain('machine/agents/tokyo1/HACON2/journal.json: ENOENT')
    expect(notes).toMatch(/machine\/logs\/linked\.log: E(LOOP|MLINK)/)
  })

  test('has an audit that can still be proven where nothing was masked', async () => {
    const { read } = await dump([])
    const [line = ''] = read('sites/tokyo1/audit.ndjson').match(/^.*"type":"head".*$/m) ?? []
    expect(JSON.parse(line).token).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
  })
})

describe('what is missing is a note and no failure', () => {
  test('the control plane', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => closed.close(resolve))
    const env = { PALISADE_URL: `http://127.0.0.1:${port}` }
    // The waits between the attempts, a hundred times shorter.
    const after: Clock['after'] = (delayMs, callback) => nodeClock.after(delayMs / 100, callback)
    const clock = { ...nodeClock, after }
    const { exit, paths, read } = await dump(['--data', state], env, { clock })
    expect(exit).toBe(0)
    expect(paths).toContain('machine/logs/agent.log')
    expect(paths.filter((path) => path.startsWith('sites/'))).toEqual([])
    expect(read('notes.txt')).toContain('control-plane/health.json: no-answer')
    expect(read('notes.txt')).toContain('sites: not asked for, because the control plane fails')
  })

  test('a token', async () => {
    const { exit, read } = await dump(['--data', state], { PALISADE_TOKEN: '' })
    expect(exit).toBe(0)
    expect(read('notes.txt')).toContain('control plane: there is no token')
  })

  test('the right to read the operator log', async () => {
    const made = await here.terminal().run('token', 'create', 'reader', '--scope', 'read')
    const { exit, paths, read } = await dump([], { PALISADE_TOKEN: made.out.trim() })
    expect(exit).toBe(0)
    expect(read('notes.txt')).toContain('control-plane/operator-log.ndjson: forbidden')
    expect(paths).toContain('sites/tokyo1/site.json')
  })

  test('the data directory', async () => {
    const { exit, read } = await dump(['--data', join(here.directory, 'nowhere')])
    expect(exit).toBe(0)
    expect(read('notes.txt')).toMatch(/machine: .*nowhere is not there/)
  })
})

test('an archive that cannot be written is a failure, and nothing is left of it', async () => {
  const file = join(here.directory, 'p1', 'x.tar.gz')
  const { exit, err } = await here.terminal().run('dump', '-o', file)
  expect(exit).toBe(1)
  expect(err).toContain('cannot-write')
  expect(existsSync(file)).toBe(false)
})
