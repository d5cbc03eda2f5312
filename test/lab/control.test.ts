import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DemoLab, openDemoLab } from '../../lab/demo-lab.ts'
import { seededRandom, VirtualClock } from './virtual-clock.ts'

let lab: DemoLab
let directory: string
const clock = new VirtualClock()

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'palisade-lab-'))
  lab = await openDemoLab({ directory }, { clock, random: seededRandom('control') })
})
afterEach(async () => {
  await lab.close()
  rmSync(directory, { recursive: true })
})

/** What these tests look at, of all that the answers hold. */
interface Told {
  detail: string
  routes: string[]
  errors: { field: string; value: unknown; allowed: string }[]
  faults: object
  os: { state: string }
  bmc: { controls: object[] }
}

async function toldBy(response: Response): Promise<{ status: number; body: Told }> {
  return { status: response.status, body: (await response.json()) as Told }
}

async function get(path: string) {
  return toldBy(await fetch(`${lab.control.url}${path}`))
}

async function post(path: string, body: unknown, type = 'application/json') {
  const response = await fetch(`${lab.control.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return toldBy(response)
}

test('the oracle tells rails, OS, boot and every chassis control', async () => {
  const { model } = lab.room.getServer('PSERVER1')
  model.bmc.control('reset')
  model.bmc.control('off')
  const { status, body } = await get('/servers/PSERVER1')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    name: 'PSERVER1',
    railVolts: 0,
    supplies: [
      { live: true, healthy: true, pdu: 'pdu-a', outlet: 3 },
      { live: true, healthy: true, pdu: 'pdu-b', outlet: 3 },
    ],
    os: { state: 'off', bootId: model.os.bootId, boots: 2 },
    bmc: { state: 'up', executed: { reset: 1, off: 1, nmi: 0 } },
  })
  expect(body.bmc.controls).toMatchObject([
    { action: 'reset', completionCode: 0, effect: true },
    { action: 'off', completionCode: 0, effect: true },
  ])
  expect((await get('/servers')).body).toHaveLength(7)
})

test('faults are set by name and keep what was not named', async () => {
  await post('/servers/PSERVER2/faults', { hang: true })
  const { body } = await post('/servers/PSERVER2/faults', { refusesNmi: 204 })
  expect(body.faults).toMatchObject({ hang: true, refusesNmi: 204, dead: false })
  await post('/pdus/pdu-a/outlets/3/faults', { stuck: true })
  expect(lab.room.getPdu('pdu-a').model.outletFaults(3).stuck).toBe(true)
  await post('/pdus/pdu-b/faults', { frozen: true })
  expect(lab.room.getPdu('pdu-b').model.faults.frozen).toBe(true)
})

test('people can make the OS panic', async () => {
  clock.advance(3_000)
  const { body } = await post('/servers/PSERVER1/os', { action: 'panic' })
  expect(body.os.state).toBe('panicked')
})

test.each([
  ['/servers/PSERVER1/faults', { hang: 'yes' }, 'hang', 'true or false'],
  ['/servers/PSERVER1/faults', { refusesNmi: 256 }, 'refusesNmi', 'an integer 0–255'],
  [
    '/servers/PSERVER1/faults',
    { acceptsAndDoesNothing: ['dance'] },
    'acceptsAndDoesNothing',
    'reset',
  ],
  ['/servers/PSERVER1/faults', { nonsense: 1 }, 'nonsense', 'refusesNmi'],
  ['/servers/PSERVER1/faults', [], '', 'an object'],
  ['/servers/PSERVER1/os', { action: 'dance' }, 'action', 'panic or halt'],
  ['/pdus/pdu-a/outlets/13/faults', {}, 'outlet', '1–12'],
  ['/pdus/pdu-a/outlets/1/faults', { feeds: 'NOBODY' }, 'feeds', 'PSERVER1'],
  ['/stop-notice-targets', { targets: [{ address: 'x', port: 1 }] }, 'targets[0]', 'IPv4'],
  ['/servers/PSERVER1/faults', '{', '', 'JSON'],
])(
  'POST %s of %j is refused naming field and what is allowed',
  async (path, input, field, allowed) => {
    const { status, body } = await post(path, input)
    expect(status).toBe(400)
    expect(body.errors).toHaveLength(1)
    const [error] = body.errors
    expect(error?.field).toBe(field)
    expect(error?.allowed).toContain(allowed)
    expect(error).toHaveProperty('value')
  },
)

test('what does not exist is 404, and says what does', async () => {
  expect((await get('/servers/NOBODY')).body.detail).toContain('PSERVER1')
  expect((await get('/nothing')).body.routes).toContain('GET /servers')
  expect((await get('/servers/%E0%A4%A')).status).toBe(404)
})

test('another content type and another host name are refused', async () => {
  expect((await post('/servers/PSERVER1/faults', '{}', 'text/plain')).status).toBe(400)
  const status = await new Promise((resolve) => {
    request(
      {
        port: lab.control.port,
        host: '127.0.0.1',
        path: '/servers',
        headers: { host: 'evil.test' },
      },
      (response) => resolve(response.resume().statusCode),
    ).end()
  })
  expect(status).toBe(403)
})

test('secrets and site file are on disk for their owner alone', () => {
  const site = JSON.parse(readFileSync(lab.siteFile, 'utf8'))
  const { file } = site.spec.servers[0].bmc.password
  expect(readFileSync(file, 'utf8')).toMatch(/^[0-9a-f]{20}\n$/)
  for (const path of [lab.siteFile, file]) expect(statSync(path).mode & 0o777).toBe(0o600)
})
