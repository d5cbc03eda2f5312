// One real site at a control plane: its agent as a process of its own, its file applied by the command.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchApi, Reply } from './api.ts'
import { until } from './instants.ts'
import { AGENT, type BenchSite, SITE, siteFile } from './site-file.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** Starts entries of ours, and ends them last first. */
export class OwnProcesses {
  readonly #directory: string
  readonly #profile: string | undefined
  readonly #running: ChildProcess[] = []

  constructor(directory: string, profile: string | undefined) {
    this.#directory = directory
    this.#profile = profile
  }

  spawn(entry: string, argv: string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
    const profiling =
      this.#profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${this.#profile}`]
    const child = spawn(process.execPath, [...profiling, join(ROOT, entry), ...argv], {
      cwd: this.#directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    // Unread pipes would fill up and stand still.
    child.stderr?.resume()
    this.#running.push(child)
    return child
  }

  async close(): Promise<void> {
    for (const child of this.#running.reverse()) {
      if (child.exitCode !== null) continue
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
  }
}

/** Resolves when the agent is connected, with its process. */
export async function startAgent(
  api: BenchApi,
  processes: OwnProcesses,
  directory: string,
): Promise<ChildProcess> {
  const { body } = await api.ask('POST', `/v1/sites/${SITE}/enrolments`, { name: AGENT })
  const tokenFile = join(directory, 'enrolment-token')
  writeFileSync(tokenFile, body.token, { mode: 0o600 })
  const own = ['--data', join(directory, 'agent'), '--name', AGENT]
  const hub = ['--control-plane', api.url, '--enrolment-token-file', tokenFile]
  const notices = ['--stop-notice-address', '127.0.0.1', '--stop-notice-port', '0']
  // As `npm start` runs it.
  const child = processes.spawn('agent/main.ts', [...own, ...hub, ...notices], {
    NODE_OPTIONS: '--max-semi-space-size=4',
  })
  await until('the agent connects', 30_000, async () => {
    const agents = await api.ask('GET', `/v1/sites/${SITE}/agents`)
    return agents.body.items?.some((agent: { connected: boolean }) => agent.connected) ?? false
  })
  return child
}

export async function applySite(
  api: BenchApi,
  processes: OwnProcesses,
  { directory, site }: { directory: string; site: BenchSite },
): Promise<void> {
  const file = join(directory, 'site.yaml')
  writeFileSync(file, JSON.stringify(siteFile(site)), { mode: 0o600 })
  const child = processes.spawn('cli/main.ts', ['apply', '-f', file], {
    PALISADE_URL: api.url,
    PALISADE_TOKEN: api.adminToken,
    HOME: directory,
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text) => {
      printed += text
    })
  }
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the site file was not applied:\n${printed.slice(0, 4000)}`)
}

/** Resolves when the agent has read the power of every server. */
export async function allRead(api: BenchApi, timeoutMs = 120_000): Promise<void> {
  await until('the agent has read every server', timeoutMs, async () => {
    const { body } = await api.ask('GET', `/v1/sites/${SITE}/status`)
    const lit = (machine: Reply['body']) => machine.power.value === 'pon'
    const linked = (pdu: Reply['body']) => pdu.link.value === 'OK'
    return body.servers.length > 0 && body.servers.every(lit) && body.pdus.every(linked)
  })
}
