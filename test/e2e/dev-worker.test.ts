// `npm run dev:worker` as a newcomer runs it: no account, no database, the first reset, and nothing left behind.
import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPostgres } from '../postgres.ts'
import { Api } from './api.ts'
import {
  Closing,
  commandLine,
  familyOf,
  freeTcpPort,
  isAlive,
  launch,
  type Program,
  until,
} from './programs.ts'

describe.skipIf(findPostgres() === undefined)('npm run dev:worker', () => {
  const closing = new Closing()
  let directory: string
  let started: Program
  let api: Api

  beforeAll(async () => {
    const home = closing.directory()
    // Postgres runs as a user of its own where we are root.
    chmodSync(home, 0o711)
    directory = join(home, 'state')
    const port = await freeTcpPort()
    const argv = ['--port', String(port), '--data', directory]
    started = launch(['scripts/run.mjs', 'dev:worker', ...argv])
    closing.add(() => started.stop(30_000))
    await started.printed(/^Ctrl-C stops everything/m, 120_000)
    const tokenFile = join(directory, 'admin-token')
    api = new Api(`http://127.0.0.1:${port}`, readFileSync(tokenFile, 'utf8').trim())
    expect(started.output).toContain(`PALISADE_URL=${api.url} PALISADE_TOKEN_FILE=${tokenFile}`)
  }, 150_000)
  afterAll(() => closing.run())

  test('resets a machine of the lab', async () => {
    await api.allLinksOk()
    const { id } = await api.reset({ target: { server: 'PSERVER1' } })
    expect(await api.view(id, 60)).toMatchObject({ fenced: true })
  })

  test('keeps its secrets out of every argument, and from other users', () => {
    const secrets = ['admin-token', 'database-password']
      .map((name) => readFileSync(join(directory, name), 'utf8').trim())
      .concat(JSON.parse(readFileSync(join(directory, 'signing-key.jwk'), 'utf8')).d)
    for (const pid of [...familyOf(started.pid), postmaster()]) {
      for (const secret of secrets) expect(commandLine(pid).includes(secret)).toBe(false)
    }
    const open = readdirSync(directory).filter(
      (name) => (statSync(join(directory, name)).mode & 0o077) !== 0,
    )
    expect(open).toEqual([])
  })

  test('leaves no process behind', async () => {
    const family = [...familyOf(started.pid), postmaster()]
    expect(family.length).toBeGreaterThan(6)
    started.signal('SIGTERM')
    await started.ended(30_000)
    await until('every process gone', 5000, () => !family.some(isAlive))
  })

  const postmaster = () =>
    Number(
      readFileSync(join(directory, 'postgres', 'files', 'postmaster.pid'), 'utf8').split('\n')[0],
    )
})
