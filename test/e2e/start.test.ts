// `npm start` as a newcomer runs it: the lab, the first reset, the audit, the end and the second start.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ResetView } from '../../protocol/reset-view.ts'
import { Api, type SiteStatus } from './api.ts'
import { Oracle } from './lab.ts'
import { palisade, type Ran } from './palisade.ts'
import { Closing, familyOf, freeTcpPort, isAlive, launch, type Program, until } from './programs.ts'

const closing = new Closing()
let directory: string
let port: number
let started: Program
let readyMs: number

function start(options: { port: number; data: string }): Program {
  const { port: at, data } = options
  const argv = ['scripts/run.mjs', 'start', '--port', String(at), '--data', data]
  const program = launch(argv)
  closing.add(() => program.stop(20_000))
  return program
}

beforeAll(async () => {
  directory = join(closing.directory(), 'state')
  port = await freeTcpPort()
  const before = performance.now()
  started = start({ port, data: directory })
  await until('GET /healthz answers 200', 60_000, async () => (await health()) === 200)
  readyMs = performance.now() - before
  await started.printed(/^Ctrl-C stops everything/m)
  await api().allLinksOk()
}, 90_000)

afterAll(() => closing.run())

const url = () => `http://127.0.0.1:${port}`
const tokenFile = () => join(directory, 'admin-token')
const health = async () => (await fetch(`${url()}/healthz`)).status
const api = () => new Api(url(), readFileSync(tokenFile(), 'utf8').trim())
const oracle = () => new Oracle(readFileSync(join(directory, 'lab', 'control-url'), 'utf8').trim())

function command(...argv: string[]): Promise<Ran> {
  return palisade({ url: url(), tokenFile: tokenFile() }, argv)
}

describe('a fresh start', () => {
  test('is ready within a minute and names URL, token file, lab and the command to try', () => {
    expect(readyMs).toBeLessThan(60_000)
    expect(started.output).toContain(url())
    expect(started.output).toContain(tokenFile())
    expect(started.output).toMatch(/Lab control +http:\/\/127\.0\.0\.1:\d+\/servers/)
    const { output } = started
    expect(output).toContain(`export PALISADE_URL=${url()} PALISADE_TOKEN_FILE=${tokenFile()}`)
    expect(output).toContain('npm run -s palisade -- show status')
  })

  test('nobody else may read the admin token, a key, a secret of the lab or a log', () => {
    const modes = filesOf(directory)
      .filter((path) => /admin-token|\.secret$|\.jwk$|\.log$|identity|lab\/site/.test(path))
      .map((path) => [path, (statSync(path).mode & 0o777).toString(8)])
    expect(modes.length).toBeGreaterThan(12)
    expect(modes.filter(([, mode]) => mode !== '600')).toEqual([])
    expect((statSync(directory).mode & 0o777).toString(8)).toBe('700')
    expect(readFileSync(tokenFile(), 'utf8')).toMatch(/^pal_[\w-]{20,}\n$/)
  })

  test('the used enrolment token is gone from the disk', () => {
    expect(existsSync(join(directory, 'enrolment-token'))).toBe(false)
  })

  test('the first look shows six servers on, every link OK', async () => {
    const { code, stdout } = await command('show', 'status')
    expect(code).toBe(0)
    const lines = stdout.split('\n').filter((line) => /^ +PSERVER\d /.test(line))
    expect(lines.map((line) => line.trim().split(/ +/))).toEqual([
      ['PSERVER1', 'pon', 'OK', 'OK', '--'],
      ['PSERVER2', 'pon', 'OK', 'OK', '--'],
      ['PSERVER3', 'pon', 'OK', 'OK', '--'],
      ['PSERVER4', 'pon', 'OK', 'OK', '--'],
      ['PSERVER5', 'pon', 'OK', 'OK', '--'],
      ['PSERVER6', 'pon', 'OK', '--', '--'],
    ])
  })

  test('--json is the answer of the API', async () => {
    const { code, stdout } = await command('show', 'status', '--json')
    expect(code).toBe(0)
    const { servers } = JSON.parse(stdout) as SiteStatus
    expect(servers.map(({ name, power }) => [name, power.value])).toEqual(
      [1, 2, 3, 4, 5, 6].map((n) => [`PSERVER${n}`, 'pon']),
    )
  })
})

describe('the first reset', () => {
  test('ends fenced with exit code 0, and the machine itself says the same', async () => {
    const ran = await command('reset', 'PSERVER1', '--reason', 'does not answer', '--wait', '60')
    expect(ran, ran.stdout).toMatchObject({ code: 0 })
    expect(ran.stdout).toMatch(/PSERVER1: complete, (DUMP|REBOOT), fenced/)
    const { bmc, os } = await oracle().server('PSERVER1')
    expect(bmc.executed).toMatchObject({ nmi: 1, off: 0 })
    if (ran.stdout.includes('DUMP')) expect(os.stopNotices).toBeGreaterThan(0)
    else expect(bmc.executed.reset).toBe(1)
    const others = (await oracle().servers()).filter(({ name }) => name !== 'PSERVER1')
    expect(others.every(({ os: { boots, state } }) => boots === 1 && state === 'running')).toBe(
      true,
    )
  })

  test('stands in the reset log line by line in the order of the ladder', async () => {
    const { code, stdout } = await command('audit', '--format', 'resetlog')
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    const stamp = /^\[\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d:\d{6}\] /
    expect(lines.filter((line) => !stamp.test(line))).toEqual([])
    const words = lines.map((line) => line.replace(stamp, '').split(' '))
    const steps = words.map(([kind, , , direction]) => `${kind} ${direction}`)
    expect(steps.slice(0, 2)).toEqual(['RM-RESET RECV', 'SOFTRESET SEND'])
    const done = words.findLast(([kind, , , way]) => kind === 'RM-RESET' && way === 'SEND')
    expect(done).toEqual(expect.arrayContaining(['PSERVER1', '10001', 'P', 'DUMP']))
  })

  test('off seen at the outlets ends as POFF, and restore brings the server back', async () => {
    const off = await command(
      ...['reset', 'PSERVER3', '--mode', 'pdu', '--reason', 'drill', '--wait', '30', '--json'],
    )
    expect(off, off.stdout).toMatchObject({ code: 0 })
    expect(JSON.parse(off.stdout)).toMatchObject({
      result: 'POFF',
      grade: 'confirmed',
      fenced: true,
    })
    expect(await oracle().server('PSERVER3')).toMatchObject({ railVolts: 0, standby: false })
    expect(await oracle().outletIsLive('pdu-a', 5)).toBe(false)
    const restored = await command('restore', 'PSERVER3')
    expect(restored, restored.stdout + restored.stderr).toMatchObject({ code: 0 })
    expect(await oracle().outletIsLive('pdu-a', 5)).toBe(true)
    expect(await oracle().server('PSERVER3')).toMatchObject({ standby: true })
  })
})

describe('the audit', () => {
  test('verifies offline as it is exported, from a file and from the pipe', async () => {
    const { code, stdout } = await command('audit')
    expect(code).toBe(0)
    expect(await verify(stdout, '-')).toMatchObject({ code: 0 })
    const file = join(directory, 'audit.ndjson')
    writeFileSync(file, stdout)
    expect(await verify('', file)).toMatchObject({ code: 0 })
  })

  test.each([
    ['in what was done', /"kind":"soft","|"action":"nmi"|NMI|nmi/],
    ['in an instant', /"at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d/],
    ['in a sequence number', /"seq":\d/],
  ])('one byte changed %s is found', async (_where, pattern) => {
    const { stdout } = await command('audit')
    const at = placeOf(pattern, stdout)
    const changed = `${stdout.slice(0, at)}${other(stdout.charAt(at))}${stdout.slice(at + 1)}`
    expect(changed).not.toBe(stdout)
    expect(await verify(changed, '-')).toMatchObject({ code: 1 })
  })

  test('one record left out is found', async () => {
    const { stdout } = await command('audit')
    const lines = stdout.split('\n')
    const at = lines.findIndex((line) => line.includes('"kind":"intent"'))
    expect(at).toBeGreaterThan(0)
    const changed = lines.toSpliced(at, 1).join('\n')
    expect(await verify(changed, '-')).toMatchObject({ code: 1 })
  })
})

describe('stop and second start', () => {
  test('a second start on the same data says that it is in use, and harms nothing', async () => {
    const secret = join(directory, 'lab', 'bmc-PSERVER1.secret')
    const before = readFileSync(secret, 'utf8')
    const second = start({ port: await freeTcpPort(), data: directory })
    expect(await second.ended()).toBe(1)
    expect(second.output).toMatch(/is in use by process \d+; stop it or choose another --data/)
    expect(readFileSync(secret, 'utf8')).toBe(before)
    expect(await health()).toBe(200)
    await api().allLinksOk()
  })

  test('a start on a port that is taken says so, and leaves the other alone', async () => {
    const second = start({ port, data: join(closing.directory(), 'other') })
    expect(await second.ended()).toBe(1)
    expect(second.output).toContain('address already in use')
    expect(await health()).toBe(200)
  })

  test('SIGTERM ends every process within ten seconds, and the next start goes on', async () => {
    const known = await api().get<{ items: ResetView[] }>('/v1/resets')
    const audit = (await command('audit')).stdout.trimEnd().split('\n')
    const family = familyOf(started.pid)
    // run.mjs, start.ts, lab, control plane and agent.
    expect(family.length).toBeGreaterThanOrEqual(5)
    started.signal('SIGTERM')
    expect(await started.ended(10_000)).toBe(0)
    expect(family.filter(isAlive)).toEqual([])

    started = start({ port, data: directory })
    await started.printed(/^Ctrl-C stops everything/m)
    await api().allLinksOk()
    const again = await api().get<{ items: ResetView[] }>('/v1/resets')
    expect(again).toEqual(known)
    const longer = (await command('audit')).stdout
    const records = (lines: string[]) => lines.filter((line) => line.includes('"seq"'))
    const kept = new Set(longer.split('\n'))
    expect(records(audit).length).toBeGreaterThan(20)
    expect(records(audit).filter((line) => !kept.has(line))).toEqual([])
    expect(await verify(longer, '-')).toMatchObject({ code: 0 })
    const reset = await command('reset', 'PSERVER6', '--reason', 'once more', '--wait', '30')
    expect(reset, reset.stdout).toMatchObject({ code: 0 })
    expect((await oracle().server('PSERVER6')).bmc.executed.nmi).toBe(1)
  })

  test('of two starts at once on fresh data one says why not; the other leaves nothing when stopped halfway', async () => {
    const data = join(closing.directory(), 'fresh')
    const place = async () => ({ port: await freeTcpPort(), data })
    const both = [start(await place()), start(await place())] as const
    const loser = await Promise.race(both.map((program) => program.ended().then(() => program)))
    expect(await loser.ended()).toBe(1)
    expect(loser.output).toMatch(/fresh is in use/)
    const winner = loser === both[0] ? both[1] : both[0]
    await winner.printed(/agent: /)
    const family = familyOf(winner.pid)
    winner.signal('SIGTERM')
    await winner.ended(15_000)
    expect(family.length).toBeGreaterThanOrEqual(4)
    expect(family.filter(isAlive)).toEqual([])
  })
})

async function verify(input: string, file: string): Promise<Ran> {
  const program = launch(['scripts/run.mjs', 'palisade', 'audit', 'verify', file], { input })
  return { code: await program.ended(), stdout: program.stdout, stderr: program.stderr }
}

/** The last character of the first match. */
function placeOf(pattern: RegExp, text: string): number {
  const match = pattern.exec(text)
  if (!match) throw new Error(`the audit has no ${pattern}`)
  return match.index + match[0].length - 1
}

function other(character: string): string {
  return character === '7' ? '8' : /\d/.test(character) ? '7' : character === 'x' ? 'y' : 'x'
}

function filesOf(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const inside = join(path, entry.name)
    return entry.isDirectory() ? filesOf(inside) : [inside]
  })
}
