// Secrets are planted everywhere they may come in; then everything is searched that was logged, stored,
// answered, or could be seen in the list of processes. Nothing may show one but the files made to hold it.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findPostgres } from '../postgres.ts'
import { Api } from './api.ts'
import { EventStream } from './event-stream.ts'
import { ownPostgres } from './own-postgres.ts'
import { palisade, type Ran } from './palisade.ts'
import {
  Closing,
  commandLine,
  freeTcpPort,
  isAlive,
  launch,
  type Program,
  until,
} from './programs.ts'
import { type Planted, readableForms, shownBelow, shownIn } from './secret-search.ts'

/** The files that are there to hold a secret, by their place in the data directory. */
const HOLDERS = [
  /^admin-token$/,
  /^signing-key\.jwk$/,
  /^lab\/[\w-]+\.secret$/,
  /^agents\/[^/]+\/[^/]+\/identity\.json$/,
]

const closing = new Closing()
const planted: Planted[] = []
const said: { what: string; text: string }[] = []
const commandLines = new Set<string>()
let directory: string
let database: string | undefined
let api: Api

function plant(name: string, secret = `P${randomBytes(7).toString('hex')}w`): string {
  planted.push({ name, secret })
  return secret
}

beforeAll(async () => {
  directory = join(closing.directory(), 'state')
  const watch = setInterval(noteCommandLines, 150)
  closing.add(() => clearInterval(watch))
  const databasePassword = plant('password of the database')
  const bare = await ownPostgres(closing)
  database = bare?.replace('postgres@', `postgres:${databasePassword}@`)
  const port = await freeTcpPort()
  const started = start(port)
  await noteEnrolmentToken()
  await started.printed(/^Ctrl-C stops everything/m)
  api = new Api(
    `http://127.0.0.1:${port}`,
    readFileSync(join(directory, 'admin-token'), 'utf8').trim(),
  )
  await api.allLinksOk()
  plant('admin token', api.token)
  notePlantedByStart()
  await useEverything()
  await readEverything()
  await started.stop(20_000)
  said.push({ what: 'npm start', text: started.output })
  clearInterval(watch)
}, 150_000)

afterAll(() => closing.run())

function start(port: number): Program {
  const argv = ['scripts/run.mjs', 'start', '--port', String(port), '--data', directory]
  const program = launch([...argv, ...(database === undefined ? [] : ['--database', database])])
  closing.add(() => program.stop(20_000))
  return program
}

/** It is on disk only until the agent has used it. */
async function noteEnrolmentToken(): Promise<void> {
  const token = await until('the enrolment token', 60_000, () => {
    const text = readFileSync(join(directory, 'enrolment-token'), 'utf8').trim()
    return text.length > 20 && text
  })
  plant('enrolment token', token)
}

function notePlantedByStart(): void {
  const lab = join(directory, 'lab')
  for (const name of readdirSync(lab).filter((file) => file.endsWith('.secret'))) {
    plant(`lab ${name}`, readFileSync(join(lab, name), 'utf8').trim())
  }
  const keys = [
    join(directory, 'signing-key.jwk'),
    join(directory, 'agents/lab/HACON1/identity.json'),
  ]
  for (const file of keys) {
    const halves = [...readFileSync(file, 'utf8').matchAll(/"d": ?"([\w-]{40,})"/g)]
    expect(halves.length, file).toBeGreaterThan(0)
    for (const [index, [, half = '']] of halves.entries()) {
      plant(`private key ${index} of ${relative(directory, file)}`, half)
    }
  }
}

async function command(argv: string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const tokenFile = join(directory, 'admin-token')
  const ran = await palisade({ url: api.url, tokenFile }, argv, { env })
  said.push({ what: `palisade ${argv.join(' ')}`, text: ran.stdout + ran.stderr })
  return ran
}

/** Good and bad ways of everything that takes, uses or could repeat a secret. */
async function useEverything(): Promise<void> {
  const { file, env } = writeRicherSite()
  expect(await command(['apply', '-f', file, '--dry-run'], env)).toMatchObject({ code: 0 })
  const applied = await command(['apply', '-f', file], env)
  expect(applied, applied.stdout + applied.stderr).toMatchObject({ code: 0 })
  expect(await command(['apply', '-f', writeTooLong()], env)).toMatchObject({ code: 2 })
  for (const words of ['status', 'settings', 'pdus', 'agents']) {
    await Promise.all([command(['show', words]), command(['show', words, '--json'])])
  }
  await command(['reset', 'PSERVER1', '--reason', 'search', '--wait', '30'])
  await command([
    'reset',
    'PSERVER3',
    '--mode',
    'pdu',
    '--reason',
    'search',
    '--wait',
    '30',
    '--json',
  ])
  await command(['restore', 'PSERVER3'])
  // Neither its BMC nor its PDU answers: every error on the way is told somewhere.
  await command(['reset', 'GHOST', '--reason', 'search', '--wait', '30'])
  plant('operator token', await api.makeToken({ name: 'operator', scope: 'operate' }))
  const offer = await api.ask('POST', '/v1/sites/lab/enrolments', { name: 'HACON2' })
  plant('unused enrolment token', (offer.json as { token: string }).token)

  const wrong = await api.as(plant('wrong token')).ask('GET', '/v1/sites')
  const stolen = { token: plant('wrong enrolment token'), name: 'HACON1' }
  const enrol = await api.ask('POST', '/v1/agents/enroll', stolen)
  said.push({ what: 'refused requests', text: wrong.text + enrol.text })
  // A client that does not seal: the answer says so and repeats nothing.
  const { text } = await api.ask('GET', '/v1/sites/lab')
  const unsealed = JSON.parse(text) as { spec: { servers: { bmc: { password: unknown } }[] } }
  for (const server of unsealed.spec.servers) server.bmc.password = plant('unsealed password')
  const refused = await api.ask('PUT', '/v1/sites/lab', unsealed)
  expect(refused.status).toBe(400)
  said.push({ what: 'PUT of an unsealed site', text: refused.text })
}

/** The lab's site with more devices that nobody answers for, and one password that is wrong. */
function writeRicherSite(): { file: string; env: Record<string, string> } {
  type Raw = Record<string, unknown>
  const lab = join(directory, 'lab')
  const document = JSON.parse(readFileSync(join(lab, 'site.yaml'), 'utf8')) as {
    spec: { servers: (Raw & { bmc: Raw })[]; pdus: Raw[] }
  }
  const { servers, pdus } = document.spec
  const last = servers.at(-1)
  if (last) last.bmc['password'] = plant('wrong BMC password')
  const v3 = {
    version: '3',
    user: 'palisade',
    level: 'authPriv',
    auth: { protocol: 'sha256', password: plant('SNMPv3 signing password') },
    priv: { protocol: 'aes', password: { env: 'GHOST_PRIV' } },
  }
  const community = plant('community')
  pdus.push({ name: 'pdu-v3', address: '127.0.40.1', port: 9, model: 'apc-rpdu2', snmp: v3 })
  const v2c = { version: '2c', community }
  pdus.push({ name: 'pdu-v2c', address: '127.0.40.2', port: 9, model: 'ibm-ipdu', snmp: v2c })
  const password = { env: 'GHOST_BMC' }
  const kg = plant('BMC key')
  servers.push({
    name: 'GHOST',
    bmc: { protocol: 'ipmi', address: '127.0.40.3', port: 9, username: 'ghost', password, kg },
    pduControl: true,
    hardResetTimeoutS: 5,
    pduRecoveryWaitS: 5,
    feeds: [{ pdu: 'pdu-v3', outlet: 1 }],
  })
  const file = join(closing.directory(), 'site.yaml')
  writeFileSync(file, JSON.stringify(document))
  const env = { GHOST_BMC: plant('BMC password'), GHOST_PRIV: plant('SNMPv3 sealing password') }
  return { file, env }
}

function writeTooLong(): string {
  const document = JSON.parse(readFileSync(join(directory, 'lab', 'site.yaml'), 'utf8')) as {
    spec: { servers: { bmc: Record<string, unknown> }[] }
  }
  const [server] = document.spec.servers
  if (server) server.bmc['password'] = plant('password too long', randomBytes(20).toString('hex'))
  const file = join(closing.directory(), 'site.yaml')
  writeFileSync(file, JSON.stringify(document))
  return file
}

/** Every GET of the API's own description, the audit in both forms, and the events from the first. */
async function readEverything(): Promise<void> {
  const { paths } = await api.get<{ paths: Record<string, object> }>('/openapi.json')
  const { items } = await api.get<{ items: { id: string }[] }>('/v1/resets')
  const known = Object.entries(paths).filter(([, methods]) => 'get' in methods)
  expect(known.length).toBeGreaterThan(8)
  for (const [path] of known) {
    if (path === '/v1/events') continue
    const id = items[0]?.id ?? ''
    const filled = path.replace('{site}', 'lab').replace('{name}', 'HACON1').replace('{id}', id)
    const answer = await api.ask('GET', path === '/v1/audit' ? `${filled}?site=lab` : filled)
    said.push({ what: `GET ${filled}`, text: answer.text })
  }
  for (const path of [
    '/openapi.json',
    '/v1/audit?site=lab&format=resetlog',
    '/healthz',
    '/readyz',
  ]) {
    said.push({ what: `GET ${path}`, text: (await api.ask('GET', path)).text })
  }
  const stream = await EventStream.open(api, { after: 0 })
  closing.add(() => stream.close())
  await until('some events', 5000, () => stream.events.length > 5)
  said.push({ what: 'events', text: JSON.stringify(stream.events) })
  stream.close()
}

function noteCommandLines(): void {
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name) && isAlive(Number(name))) commandLines.add(commandLine(Number(name)))
  }
}

test('the search finds what it is looking for, however it is written', () => {
  const secret = 'Pq7sT9vX2zab'
  const needle = [{ name: 'needle', secret }]
  for (const before of ['', 'a', 'ab', 'abc']) {
    const text = Buffer.from(`${before}${secret}cd`)
    for (const form of ['base64', 'base64url', 'hex', 'latin1'] as const) {
      expect(shownIn(text.toString(form), needle), form).toEqual(['needle'])
    }
  }
  expect(shownIn('nothing here', needle)).toEqual([])
  expect(
    planted.every((entry) => readableForms(entry.secret).every((form) => form.length > 9)),
  ).toBe(true)
  expect(planted.length).toBeGreaterThan(20)
})

test('no file of the data directory shows one but those that are made to hold it', () => {
  const shown = shownBelow(directory, planted).map((line) => relative(directory, line))
  const places = [...new Set(shown.map((line) => line.split(': ')[0] ?? ''))]
  expect(
    shown.filter((line) => !HOLDERS.some((holder) => holder.test(line.split(': ')[0] ?? ''))),
  ).toEqual([])
  // Each kind of holder holds something, so the search did look there.
  expect(HOLDERS.filter((holder) => !places.some((place) => holder.test(place)))).toEqual([])
})

test('the logs tell of the refusals, and show no secret', () => {
  const logs = join(directory, 'logs')
  expect(readFileSync(join(logs, 'agent.log'), 'utf8').length).toBeGreaterThan(100)
  expect(shownBelow(logs, planted)).toEqual([])
})

test.skipIf(findPostgres() === undefined)('no table of the database shows one', () => {
  const dump = execFileSync(join(findPostgres() ?? '', 'pg_dump'), ['--inserts', database ?? ''], {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  })
  expect(dump).toMatch(/INSERT INTO public\.records/)
  expect(dump).toContain('GHOST')
  expect(shownIn(dump, planted)).toEqual([])
})

test('no answer of the API and no output of a command shows one', () => {
  expect(said.length).toBeGreaterThan(25)
  const shown = said.flatMap(({ what, text }) =>
    shownIn(text, planted).map((name) => `${what}: ${name}`),
  )
  expect(shown).toEqual([])
})

test('no process has one among its arguments, but where the user wrote it', () => {
  const ours = [...commandLines].filter((line) =>
    /edge\/node\/main|agent\/main|lab\/main|cli\/main/.test(line),
  )
  expect(ours.length).toBeGreaterThanOrEqual(5)
  expect(ours.flatMap((line) => shownIn(line, planted))).toEqual([])
  const others = [...commandLines].filter((line) => !line.includes('--database'))
  expect(others.flatMap((line) => shownIn(line, planted))).toEqual([])
})
