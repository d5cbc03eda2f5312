// Palisade as it is installed: Postgres that syncs, control plane and agent as processes of their own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type ClientRequest, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PrivatePostgres, startPostgres } from '../postgres.ts'
import { until } from './instants.ts'
import { AGENT, type BenchSite, SITE, siteFile } from './site-file.ts'

const ROOT = join(import.meta.dirname, '..', '..')

export interface Reply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field.
  body: any
}

export interface InstallationOptions {
  site: BenchSite
  /** Where the processes write their CPU profiles at their end. */
  profile?: string | undefined
}

export class Installation {
  readonly directory: string
  readonly databaseUrl: string
  readonly #postgres: PrivatePostgres
  readonly #profile: string | undefined
  readonly #processes: ChildProcess[] = []
  #url = ''
  #token = ''
  #agentPid = 0

  private constructor(postgres: PrivatePostgres, databaseUrl: string, profile: string | undefined) {
    this.directory = mkdtempSync(join(tmpdir(), 'palisade-bench-'))
    this.#postgres = postgres
    this.databaseUrl = databaseUrl
    this.#profile = profile
  }

  /** Resolves when the agent has read the power of every server. */
  static async open({ site, profile }: InstallationOptions): Promise<Installation> {
    const postgres = await startPostgres({ durable: true })
    const installation = new Installation(postgres, await postgres.freshDatabase(), profile)
    try {
      await installation.#startControlPlane()
      await installation.#startAgent()
      await installation.#apply(site)
      await installation.allRead()
    } catch (error) {
      await installation.close()
      throw error
    }
    return installation
  }

  get agentPid(): number {
    return this.#agentPid
  }

  get journalDirectory(): string {
    return join(this.directory, 'agent', 'journal')
  }

  /** A request on a connection of its own, as a fence agent makes it. `sending` is called as it leaves. */
  ask(method: string, path: string, body?: object, sending = () => {}): Promise<Reply> {
    const { url, headers } = this.#request(body)
    return new Promise((resolve, reject) => {
      const asked = request(`${url}${path}`, { method, headers, agent: false }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8')
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) })
        })
      })
      asked.on('error', reject)
      sending()
      end(asked, body)
    })
  }

  #request(body: object | undefined) {
    const headers = {
      authorization: `Bearer ${this.#token}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
      'idempotency-key': crypto.randomUUID(),
    }
    return { url: this.#url, headers }
  }

  /** Asks for a reset and resolves with its id; throws when it is refused. */
  async reset(server: string, mode: string, sending = () => {}): Promise<string> {
    const body = { site: SITE, target: { server }, mode, reason: 'bench' }
    const reply = await this.ask('POST', '/v1/resets', body, sending)
    if (reply.status !== 202) throw new Error(`${server}: ${JSON.stringify(reply.body)}`)
    return reply.body.id
  }

  /** The reset once it has ended. */
  async ended(id: string, timeoutMs = 30_000): Promise<Reply['body']> {
    let view: Reply['body']
    await until(`reset ${id} ends`, timeoutMs, async () => {
      view = (await this.ask('GET', `/v1/resets/${id}`)).body
      return view.endedAt !== null
    })
    return view
  }

  async allRead(timeoutMs = 120_000): Promise<void> {
    await until('the agent has read every server', timeoutMs, async () => {
      const { body } = await this.ask('GET', `/v1/sites/${SITE}/status`)
      const lit = (machine: Reply['body']) => machine.power.value === 'pon'
      const linked = (pdu: Reply['body']) => pdu.link.value === 'OK'
      return body.servers.length > 0 && body.servers.every(lit) && body.pdus.every(linked)
    })
  }

  async close(): Promise<void> {
    for (const child of this.#processes.reverse()) {
      if (child.exitCode !== null) continue
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
    await this.#postgres.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }

  async #startControlPlane(): Promise<void> {
    const directory = join(this.directory, 'control-plane')
    const child = this.#spawn('edge/node/main.ts', ['--data', directory, '--port', '0'], {
      PALISADE_DATABASE_URL: this.databaseUrl,
    })
    let printed = ''
    child.stdout?.on('data', (text) => {
      printed += text
    })
    await until('the control plane starts', 30_000, () => /^control plane\t\S+$/m.test(printed))
    this.#url = /^control plane\t(\S+)$/m.exec(printed)?.[1] ?? ''
    this.#token = readFileSync(join(directory, 'admin-token'), 'utf8').trim()
  }

  async #startAgent(): Promise<void> {
    const { body } = await this.ask('POST', `/v1/sites/${SITE}/enrolments`, { name: AGENT })
    const tokenFile = join(this.directory, 'enrolment-token')
    writeFileSync(tokenFile, body.token, { mode: 0o600 })
    const own = ['--data', join(this.directory, 'agent'), '--name', AGENT]
    const hub = ['--control-plane', this.#url, '--enrolment-token-file', tokenFile]
    const notices = ['--stop-notice-address', '127.0.0.1', '--stop-notice-port', '0']
    // As `npm start` runs it.
    const child = this.#spawn('agent/main.ts', [...own, ...hub, ...notices], {
      NODE_OPTIONS: '--max-semi-space-size=4',
    })
    this.#agentPid = child.pid ?? 0
    await until('the agent connects', 30_000, async () => {
      const agents = await this.ask('GET', `/v1/sites/${SITE}/agents`)
      return agents.body.items?.some((agent: { connected: boolean }) => agent.connected) ?? false
    })
  }

  async #apply(site: BenchSite): Promise<void> {
    const file = join(this.directory, 'site.yaml')
    writeFileSync(file, JSON.stringify(siteFile(site)), { mode: 0o600 })
    const child = this.#spawn('cli/main.ts', ['apply', '-f', file], {
      PALISADE_URL: this.#url,
      PALISADE_TOKEN: this.#token,
      HOME: this.directory,
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

  #spawn(entry: string, argv: string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
    const profiling =
      this.#profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${this.#profile}`]
    const child = spawn(process.execPath, [...profiling, join(ROOT, entry), ...argv], {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    // Unread pipes would fill up and stand still.
    child.stderr?.resume()
    this.#processes.push(child)
    return child
  }
}

function end(asked: ClientRequest, body: object | undefined): void {
  if (body) asked.end(JSON.stringify(body))
  else asked.end()
}
