import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { readSettings } from '../../edge/env.ts'
import { type ControlPlane, startControlPlane } from '../../edge/node/control-plane.ts'
import { lockDirectory } from '../../edge/node/directory-lock.ts'
import { temporaryDirectory } from '../postgres.ts'
import { siteFile } from './site.ts'

describe('a control plane on the embedded database', () => {
  const running: ControlPlane[] = []
  const directory = temporaryDirectory()
  afterEach(async () => {
    for (const plane of running.splice(0)) await plane.stop()
    directory.remove()
  })

  async function start(logged: string[] = []): Promise<ControlPlane> {
    const plane = await startControlPlane({
      dataDirectory: directory.path,
      port: 0,
      log: (level, event, fields) => logged.push(JSON.stringify({ level, event, ...fields })),
    })
    running.push(plane)
    return plane
  }

  test('it keeps what it was told over a restart, for this user only, and says that it is for evaluation', async () => {
    const logged: string[] = []
    const first = await start(logged)
    const token = readFileSync(first.adminTokenFile, 'utf8').trim()
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': 'k',
    }
    const put = { method: 'PUT', headers, body: JSON.stringify(siteFile()) }
    expect((await fetch(`${first.url}/v1/sites/lab`, put)).status).toBe(200)
    const ask = { site: 'lab', target: { server: 'PSERVER1' }, reason: 'restart' }
    const post = { method: 'POST', headers, body: JSON.stringify(ask) }
    const all = await Promise.all(
      Array.from({ length: 10 }, () => fetch(`${first.url}/v1/resets`, post)),
    )
    const ids = new Set(
      await Promise.all(all.map(async (answer) => ((await answer.json()) as { id: string }).id)),
    )
    expect(ids.size).toBe(1)
    await expect(start()).rejects.toThrow('in use')
    await first.stop()
    running.length = 0
    expect(existsSync(join(directory.path, 'lock'))).toBe(false)

    const second = await start()
    const [id] = ids
    const read = await fetch(`${second.url}/v1/resets/${id}`, { headers })
    expect(await read.json()).toMatchObject({ status: 'accepted', reason: 'restart' })
    for (const file of ['admin-token', 'signing-key.jwk', 'lock']) {
      expect(statSync(join(directory.path, file)).mode & 0o777, file).toBe(0o600)
    }
    for (const folder of ['database', 'socket']) {
      expect(statSync(join(directory.path, folder)).mode & 0o777, folder).toBe(0o700)
    }
    expect(logged.join('\n')).toContain('for evaluation')
    expect(logged.join('\n')).not.toContain(token)
  }, 60_000)
})

describe('the lock of a data directory', () => {
  test('a living owner keeps it, a dead one loses it, and a release frees it', () => {
    const { path, remove } = temporaryDirectory()
    writeFileSync(join(path, 'lock'), `${process.ppid}\n`)
    expect(() => lockDirectory(path)).toThrow(String(process.ppid))
    for (const stale of ['4194305\n', '', 'nonsense', `${process.pid}\n`]) {
      writeFileSync(join(path, 'lock'), stale)
      const release = lockDirectory(path)
      expect(readFileSync(join(path, 'lock'), 'utf8')).toBe(`${process.pid}\n`)
      expect(() => lockDirectory(path)).toThrow('this very process')
      release()
      expect(existsSync(join(path, 'lock'))).toBe(false)
    }
    remove()
  })
})

/** RFC 8037, appendix A. */
const KNOWN_KEY = {
  kty: 'OKP',
  crv: 'Ed25519',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
}

describe('settings', () => {
  test('what is left out has its default', () => {
    expect(readSettings([], {})).toEqual({
      settings: {
        dataDirectory: '.palisade',
        host: '127.0.0.1',
        port: 8787,
        databaseUrl: undefined,
        operatorLogDays: 400,
      },
    })
    const url = 'postgres://u:p@h/d'
    const environment = { PALISADE_DATABASE_URL: url, PALISADE_OPERATOR_LOG_DAYS: '30' }
    expect(readSettings(['--port', '0', '--data', 'x'], environment)).toEqual({
      settings: {
        dataDirectory: 'x',
        host: '127.0.0.1',
        port: 0,
        databaseUrl: url,
        operatorLogDays: 30,
      },
    })
  })

  test('every fault is told at once, and never the password', () => {
    const read = readSettings(['--port', '70000', '--colour', 'red', '--data'], {
      PALISADE_DATABASE_URL: 'mysql://u:secret@h/d',
      PALISADE_OPERATOR_LOG_DAYS: '0',
    })
    if (!('faults' in read)) throw new Error('taken')
    expect(read.faults).toHaveLength(6)
    for (const part of [
      '--port 70000',
      '--colour',
      'red',
      '--data',
      'PALISADE_DATABASE_URL',
      'PALISADE_OPERATOR_LOG_DAYS 0',
    ]) {
      expect(read.faults.join('\n')).toContain(part)
    }
    expect(read.faults.join('\n')).not.toContain('secret')
  })

  test('a password that everybody knows is refused', () => {
    const environment = { PALISADE_DATABASE_URL: 'postgres://palisade:Change%2DMe@db/palisade' }
    const read = readSettings([], environment)
    expect(read).toEqual({
      faults: [expect.stringMatching(/^PALISADE_DATABASE_URL: its password is one that everybody/)],
    })
  })

  test.each([
    ['signing-key.jwk', JSON.stringify(KNOWN_KEY)],
    ['admin-token', `pal_${'EXAMPLE'.repeat(6)}`],
  ])('a %s that everybody knows is refused, and not repeated', async (name, content) => {
    const { path, remove } = temporaryDirectory()
    writeFileSync(join(path, name), content, { mode: 0o600 })
    const start = startControlPlane({ dataDirectory: path, port: 0, log: () => {} })
    await expect(start).rejects.toThrow(name)
    await expect(start).rejects.not.toThrow(/nWGxne|EXAMPLE/)
    remove()
  })
})
