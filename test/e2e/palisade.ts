// Control plane, agent and command as the separate processes that they are, each to be killed and started
// again on what it left on disk.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Api } from './api.ts'
import { type LabProcess, startLab } from './lab.ts'
import {
  type Closing,
  freeUdpPort,
  type LaunchOptions,
  launch,
  type Program,
  until,
} from './programs.ts'

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs `palisade …` to its end. */
export async function palisade(
  { url, tokenFile }: { url: string; tokenFile: string },
  argv: readonly string[],
  { env, input }: LaunchOptions = {},
): Promise<Ran> {
  const program = launch(['scripts/run.mjs', 'palisade', ...argv], {
    env: { PALISADE_URL: url, PALISADE_TOKEN_FILE: tokenFile, NO_COLOR: '1', ...env },
    ...(input === undefined ? {} : { input }),
  })
  const code = await program.ended(90_000)
  return { code, stdout: program.stdout, stderr: program.stderr }
}

export class ControlPlaneProcess {
  readonly directory: string
  readonly #database: string | undefined
  #program: Program | undefined
  #port = 0

  constructor(directory: string, database: string | undefined) {
    this.directory = directory
    this.#database = database
  }

  /** Starts it, again on the port that it had. */
  async start(): Promise<void> {
    this.#program = launch(
      ['edge/node/main.ts', '--data', this.directory, '--port', String(this.#port)],
      { env: { PALISADE_DATABASE_URL: this.#database ?? '' } },
    )
    const [, port = ''] = await this.#program.printed(/^control plane\thttp:\S+:(\d+)$/m)
    this.#port = Number(port)
  }

  get program(): Program {
    if (!this.#program) throw new Error('the control plane was not started')
    return this.#program
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get tokenFile(): string {
    return join(this.directory, 'admin-token')
  }

  get api(): Api {
    return new Api(this.url, readFileSync(this.tokenFile, 'utf8').trim())
  }
}

interface AgentOptions {
  url: string
  name: string
  directory: string
  stopNoticePort: number
  enrolmentTokenFile: string
}

export class AgentProcess {
  readonly options: AgentOptions
  #program: Program | undefined

  constructor(options: AgentOptions) {
    this.options = options
  }

  start(): void {
    const { url, name, directory, stopNoticePort, enrolmentTokenFile } = this.options
    const options = {
      data: directory,
      'control-plane': url,
      name,
      'enrolment-token-file': enrolmentTokenFile,
      'stop-notice-port': String(stopNoticePort),
    }
    const argv = Object.entries(options).flatMap(([option, value]) => [`--${option}`, value])
    this.#program = launch(['agent/main.ts', ...argv])
  }

  get program(): Program {
    if (!this.#program) throw new Error('the agent was not started')
    return this.#program
  }
}

export interface Site {
  controlPlane: ControlPlaneProcess
  agent: AgentProcess
  api: Api
  name: string
  /** Runs the command as the administrator. */
  palisade(argv: readonly string[], options?: LaunchOptions): Promise<Ran>
}

export interface SiteOptions {
  /** Default: the embedded database. */
  database?: string | undefined
  /** Of the site document. */
  site: string
  agent: string
  stopNoticePort: number
}

/** A control plane and one enrolled, connected agent. */
export async function startSite(closing: Closing, options: SiteOptions): Promise<Site> {
  const { database, site: name, agent: agentName, stopNoticePort } = options
  const controlPlane = new ControlPlaneProcess(join(closing.directory(), 'state'), database)
  closing.add(() => controlPlane.program.stop())
  await controlPlane.start()
  const { api, url, tokenFile } = controlPlane
  const agent = await startAgent(closing, { api, url, site: name, name: agentName, stopNoticePort })
  return {
    controlPlane,
    agent,
    api,
    name,
    palisade: (argv, launching) => palisade({ url, tokenFile }, argv, launching),
  }
}

/** Enrols an agent that reaches the control plane at `url`, and resolves once it is connected. */
export async function startAgent(
  closing: Closing,
  options: Pick<AgentOptions, 'url' | 'name' | 'stopNoticePort'> & { api: Api; site: string },
): Promise<AgentProcess> {
  const { api, site, url, name, stopNoticePort } = options
  const directory = closing.directory()
  const offer = await api.ask('POST', `/v1/sites/${site}/enrolments`, { name })
  const enrolmentTokenFile = join(directory, 'enrolment-token')
  writeFileSync(enrolmentTokenFile, (offer.json as { token: string }).token, { mode: 0o600 })
  const place = { url, directory: join(directory, 'agent'), enrolmentTokenFile }
  const agent = new AgentProcess({ ...place, name, stopNoticePort })
  closing.add(() => agent.program.stop())
  agent.start()
  await until(`agent ${name} connected`, 20_000, async () => {
    const { items } = await api.get<{ items: { connected: boolean }[] }>(`/v1/sites/${site}/agents`)
    return items.some(({ connected }) => connected)
  })
  return agent
}

/** Control plane, agent and the demonstration lab, configured, with every link OK. */
export async function startLabSite(
  closing: Closing,
  database?: string,
): Promise<Site & { lab: LabProcess }> {
  const stopNoticePort = await freeUdpPort()
  const lab = await startLab(closing, stopNoticePort)
  const site = await startSite(closing, { database, site: 'lab', agent: 'HACON1', stopNoticePort })
  await applySite(site, lab.siteFile)
  await site.api.allLinksOk()
  return { ...site, lab }
}

export async function applySite(site: Site, file: string, env?: NodeJS.ProcessEnv): Promise<void> {
  const applied = await site.palisade(['apply', '-f', file], env ? { env } : {})
  if (applied.code !== 0) throw new Error(`apply: ${applied.stdout}${applied.stderr}`)
}
