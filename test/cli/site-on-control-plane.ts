// A control plane as it really runs, with one site and one played agent, for commands to talk to.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { World } from '../../cli/world.ts'
import { startControlPlane } from '../../edge/node/control-plane.ts'
import { findPostgres, startPostgres } from '../postgres.ts'
import { type PlayedAgent, playAgent } from './played-agent.ts'
import { makeTerminal, type Terminal } from './terminal.ts'

export const SITE_YAML = `
apiVersion: palisade/v1
kind: Site
metadata: { name: tokyo1 }
spec:
  managementServers: [{ name: HACON1 }]
  pdus:
    - { name: pdu-a, address: 127.0.9.1, model: ibm-ipdu, snmp: { version: 2c, community: { env: PDU } } }
  servers:
    - name: PSERVER1
      bmc: { protocol: ipmi, address: 127.0.9.51, username: operator, password: { file: p1 } }
      pairGuard: true
      pduControl: true
      hardResetTimeoutS: 5
      pduRecoveryWaitS: 10
      feeds: [{ pdu: pdu-a, outlet: 3 }]
    - name: PSERVER2
      bmc: { protocol: ipmi, address: 127.0.9.52, username: operator, password: secret-of-p2 }
      pairGuard: true
  clusters:
    - name: db
      systems:
        - { number: 10001, name: db-a, server: PSERVER1, address: 127.0.9.101, port: 6001 }
        - { number: 10002, name: db-b, server: PSERVER2, address: 127.0.9.102, port: 6001 }
`

export interface SiteOnControlPlane {
  url: string
  /** Also where the site file lies. */
  directory: string
  siteFile: string
  token: string
  env: Record<string, string>
  terminal(env?: Record<string, string>, changes?: Partial<World>): Terminal
  enrol(name: string): Promise<PlayedAgent>
  stop(): Promise<void>
}

/** Nothing is applied and nobody is enrolled yet. */
export async function openControlPlane(): Promise<SiteOnControlPlane> {
  const postgres = findPostgres() === undefined ? undefined : await startPostgres()
  const directory = mkdtempSync(join(tmpdir(), 'palisade-cli-'))
  const controlPlane = await startControlPlane({
    dataDirectory: join(directory, 'state'),
    port: 0,
    databaseUrl: await postgres?.freshDatabase(),
    log: () => {},
  }).catch(async (error: unknown) => {
    await postgres?.stop()
    throw error
  })
  const { url } = controlPlane
  const token = readFileSync(controlPlane.adminTokenFile, 'utf8').trim()
  const env = { PALISADE_URL: url, PALISADE_TOKEN: token, PDU: 'public', HOME: directory }
  const agents: PlayedAgent[] = []
  const terminal = (more: Record<string, string> = {}, changes: Partial<World> = {}) =>
    makeTerminal({ env: { ...env, ...more }, ...changes })
  return {
    url,
    directory,
    siteFile: join(directory, 'site.yaml'),
    token,
    env,
    terminal,
    async enrol(name) {
      const { out } = await terminal().run('agent', 'enroll', name, '--site', 'tokyo1')
      const agent = await playAgent(url, name, out.trim())
      agents.push(agent)
      return agent
    },
    async stop() {
      for (const agent of agents) agent.close()
      await controlPlane.stop()
      await postgres?.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
