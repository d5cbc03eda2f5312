// Palisade as it is installed: Postgres that syncs, control plane and agent as processes of their own.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PrivatePostgres, startPostgres } from '../postgres.ts'
import { BenchApi, type Reply } from './api.ts'
import { until } from './instants.ts'
import { type BenchSite, SITE } from './site-file.ts'
import { allRead, applySite, OwnProcesses, startAgent } from './site-processes.ts'

export interface InstallationOptions {
  site: BenchSite
  /** Where the processes write their CPU profiles at their end. */
  profile?: string | undefined
}

export class Installation {
  readonly directory: string
  readonly databaseUrl: string
  readonly #postgres: PrivatePostgres
  readonly #processes: OwnProcesses
  #api = new BenchApi({ url: '', adminToken: '' })
  #agentPid = 0

  private constructor(postgres: PrivatePostgres, databaseUrl: string, profile: string | undefined) {
    this.directory = mkdtempSync(join(tmpdir(), 'palisade-bench-'))
    this.#postgres = postgres
    this.databaseUrl = databaseUrl
    this.#processes = new OwnProcesses(this.directory, profile)
  }

  /** Resolves when the agent has read the power of every server. */
  static async open({ site, profile }: InstallationOptions): Promise<Installation> {
    const postgres = await startPostgres({ durable: true })
    const installation = new Installation(postgres, await postgres.freshDatabase(), profile)
    try {
      await installation.#start(site)
    } catch (error) {
      await installation.close()
      throw error
    }
    return installation
  }

  async #start(site: BenchSite): Promise<void> {
    const { directory } = this
    const processes = this.#processes
    this.#api = await this.#startControlPlane()
    this.#agentPid = (await startAgent(this.#api, processes, directory)).pid ?? 0
    await applySite(this.#api, processes, { directory, site })
    await allRead(this.#api)
  }

  get agentPid(): number {
    return this.#agentPid
  }

  get journalDirectory(): string {
    return join(this.directory, 'agent', 'journal')
  }

  ask(...asking: Parameters<BenchApi['ask']>): Promise<Reply> {
    return this.#api.ask(...asking)
  }

  /** Asks for a reset and resolves with its id; throws when it is refused. */
  reset(server: string, mode: string, sending = () => {}): Promise<string> {
    return this.#api.reset({ site: SITE, server, mode }, sending)
  }

  /** The reset once it has ended. */
  ended(id: string, timeoutMs?: number): Promise<Reply['body']> {
    return this.#api.ended(id, timeoutMs)
  }

  async close(): Promise<void> {
    await this.#processes.close()
    await this.#postgres.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }

  async #startControlPlane(): Promise<BenchApi> {
    const directory = join(this.directory, 'control-plane')
    const argv = ['--data', directory, '--port', '0']
    const child = this.#processes.spawn('edge/node/main.ts', argv, {
      PALISADE_DATABASE_URL: this.databaseUrl,
    })
    let printed = ''
    child.stdout?.on('data', (text) => {
      printed += text
    })
    await until('the control plane starts', 30_000, () => /^control plane\t\S+$/m.test(printed))
    const url = /^control plane\t(\S+)$/m.exec(printed)?.[1] ?? ''
    return new BenchApi({
      url,
      adminToken: readFileSync(join(directory, 'admin-token'), 'utf8').trim(),
    })
  }
}
