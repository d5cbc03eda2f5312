// A target with everything around it: the demonstration lab, a real agent, and a way between the two that the
// test can cut. What really happened to the machines is asked of the lab.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Api } from '../e2e/api.ts'
import { type LabProcess, type Oracle, startLab, type TrueServer } from '../e2e/lab.ts'
import { type AgentProcess, palisade, type Ran, startAgent } from '../e2e/palisade.ts'
import { type Closing, freeUdpPort, until } from '../e2e/programs.ts'
import { openRelay, type Relay } from './relay.ts'
import { startTarget, type Target } from './targets.ts'

/** Of the six one may have been left off by a test before. */
const SERVERS_ALWAYS_ON = 5

export interface Installation {
  target: Target
  lab: LabProcess
  agent: AgentProcess
  /** From the agent to the control plane. */
  relay: Relay
  api: Api
  /**
   * Kills it, and resolves once it is welcome somewhere and knows the machines that are on. It has forgotten then
   * how often it lost its link, and dials again soon after the next loss.
   */
  startAgentAnew(): Promise<void>
  /** Runs the command as the administrator. */
  palisade(argv: readonly string[], input?: string): Promise<Ran>
}

/** Configured, with every link OK. */
export async function startInstallation(closing: Closing): Promise<Installation> {
  const stopNoticePort = await freeUdpPort()
  const [target, lab] = await Promise.all([startTarget(closing), startLab(closing, stopNoticePort)])
  const { url, adminToken } = target
  const relay = await openRelay(url)
  closing.add(() => relay.close())
  const tokenFile = join(closing.directory(), 'admin-token')
  writeFileSync(tokenFile, adminToken, { mode: 0o600 })
  const api = new Api(url, adminToken)
  const way = { api, url: relay.url, site: 'lab' }
  const agent = await startAgent(closing, { ...way, name: 'HACON1', stopNoticePort })
  const command = (argv: readonly string[], input?: string) =>
    palisade({ url, tokenFile }, argv, input === undefined ? {} : { input })
  const applied = await command(['apply', '-f', lab.siteFile])
  if (applied.code !== 0) throw new Error(`apply: ${applied.stdout}${applied.stderr}`)
  await api.allLinksOk()
  const startAgentAnew = async () => {
    // Not killed: BMCs keep the sessions of an agent that was for a minute, and have few.
    await agent.program.stop()
    agent.start()
    await agent.program.printed(/link connected/)
    await until('its machines are known', 20_000, async () => {
      const { servers } = await api.status()
      const known = servers.filter(({ power, bmc }) => !power.stale && bmc.value === 'OK')
      return known.length >= SERVERS_ALWAYS_ON
    })
  }
  return { target, lab, agent, relay, api, startAgentAnew, palisade: command }
}

type Executed = TrueServer['bmc']['executed']
type Control = TrueServer['bmc']['controls'][number]

/** What a machine is made to do from now on. */
export class Watched {
  readonly #oracle: Oracle
  readonly #before: TrueServer
  readonly #from = new Date().toISOString()

  private constructor(oracle: Oracle, before: TrueServer) {
    this.#oracle = oracle
    this.#before = before
  }

  static async begin({ oracle }: LabProcess, name: string): Promise<Watched> {
    return new Watched(oracle, await oracle.server(name))
  }

  now(): Promise<TrueServer> {
    return this.#oracle.server(this.#before.name)
  }

  /** Chassis controls that its BMC carried out, by kind. */
  async executed(): Promise<Executed> {
    const { bmc } = await this.now()
    const since = Object.entries(bmc.executed).map(([kind, count]) => [
      kind,
      count - this.#before.bmc.executed[kind as keyof Executed],
    ])
    return Object.fromEntries(since) as Executed
  }

  /** Whether the boot that ran at the beginning has ended. */
  async bootEnded(): Promise<boolean> {
    const { os } = await this.now()
    return os.bootId !== this.#before.os.bootId || os.state !== 'running'
  }

  hardReset(): Promise<Control> {
    return until(`the hard reset of ${this.#before.name}`, 15_000, async () => {
      const { bmc } = await this.now()
      const isNew = ({ action, wall }: Control) => action === 'reset' && wall >= this.#from
      return bmc.controls.find(isNew) ?? false
    })
  }
}
