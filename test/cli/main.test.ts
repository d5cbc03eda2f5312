// The command as a process of its own, as people and scripts start it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const LAUNCHER = join(import.meta.dirname, '..', '..', 'cli', 'bin.mjs')

function start(argv: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [LAUNCHER, ...argv], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const seen = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    seen.out += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    seen.err += String(chunk)
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { child, seen, ended }
}

test('the launcher passes arguments, output and exit code through', async () => {
  const good = start(['version', '--offline'])
  expect([await good.ended, good.seen.out]).toEqual([0, 'palisade 0.1.0\n'])
  const bad = start(['dance'])
  expect(await bad.ended).toBe(2)
  expect(bad.seen.err).toContain('there is no command "dance"')
})

test('an audit is read from standard input', async () => {
  const { child, ended, seen } = start(['audit', 'verify', '-', '--json'])
  child.stdin.end('no record\n')
  expect(await ended).toBe(1)
  expect(JSON.parse(seen.out)).toMatchObject({ whole: false, unreadable: 1 })
})

test('a reader that goes away early does not change the exit code', async () => {
  const { child, ended } = start(['dance', '--json'])
  child.stdout.destroy()
  expect(await ended).toBe(2)
})

test('Ctrl-C while the request is under way ends with exit code 4 and the key to ask again', async () => {
  // A control plane that hears the request and never answers.
  const heard = Promise.withResolvers<void>()
  const server = createServer(() => heard.resolve())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { child, ended, seen } = start(['reset', 'P1', '--reason', 'drill', '--key', 'k1'], {
    PALISADE_URL: `http://127.0.0.1:${port}`,
    PALISADE_TOKEN: 'pal_x',
    PALISADE_SITE: 'lab',
  })
  await heard.promise
  // As a terminal does it: the launcher and the command both get the signal.
  child.kill('SIGINT')
  process.kill(await childOf(child.pid ?? 0), 'SIGINT')
  expect(await ended).toBe(4)
  expect(seen.err).toContain('run it again with --key k1')
  server.closeAllConnections()
  server.close()
}, 15_000)

async function childOf(pid: number): Promise<number> {
  return Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim())
}
