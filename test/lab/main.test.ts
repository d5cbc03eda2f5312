import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const MAIN = join(import.meta.dirname, '../../lab/main.ts')

function start(args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text
  })
  return { child, said }
}

test('the lab runs alone, says where everything is, and ends when told to', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'palisade-lab-'))
  const { child, said } = start(['--dir', directory, '--management-servers', '2'])
  try {
    await expect.poll(() => said.stdout, { timeout: 10_000 }).toMatch(/^site\t.*\n/m)
    const url = /^control\t(\S+)$/m.exec(said.stdout)?.[1]
    const response = await fetch(`${url}/servers/HACON2`)
    expect(await response.json()).toMatchObject({ name: 'HACON2', railVolts: 12 })
    const site = JSON.parse(readFileSync(join(directory, 'site.yaml'), 'utf8'))
    const { address, port } = site.spec.servers[0].bmc
    expect(said.stdout).toContain(`PSERVER1\tIPMI ${address}:${port}\tsystem 127.0.20.1\n`)
    expect(said.stdout).toMatch(/^pdu-b\tSNMP 127\.0\.10\.102:\d+\tapc-rpdu2$/m)
    child.kill('SIGTERM')
    const [code, signal] = await once(child, 'exit')
    expect([code, signal]).toEqual([0, null])
    expect(said.stderr).toBe('')
  } finally {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true })
  }
})

test.each([
  [['--ipmi-port', '70000'], '--ipmi-port is 70000; allowed is 0–65535'],
  [['--management-servers', '3'], '--management-servers is 3; allowed is 1 or 2'],
  [['--stop-notices', 'host:7410'], '--stop-notices is host:7410; allowed is ADDRESS:PORT'],
  [['--frobnicate'], "Unknown option '--frobnicate'"],
])('%j ends with usage and exit code 2', async (args, told) => {
  const { child, said } = start(args)
  const [code] = await once(child, 'close')
  expect(code).toBe(2)
  expect(said.stderr).toContain(told)
  expect(said.stderr).toContain('usage:')
})
