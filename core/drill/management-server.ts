// What is special in the PDU test of a management server (spec domain.md §9): an agent runs there, and nobody
// cuts the feeds of the machine that it runs on itself.
import type { Outlet, PduTestSettings } from '../operation.ts'
import { judgePduSettings, refuse, type TestRefusal } from './preconditions.ts'

/** Of a serial test; the BMC of a management server may not log a shorter loss. */
export const MANAGEMENT_OFF_TIME_S = { min: 30, max: 60, usual: 30 } as const

/** The link to the other agent of the site; not configured while there is none. */
export type PeerLink = 'not-configured' | 'up' | 'connecting' | 'down'

/** The agent that is to carry out a test of a management server. */
export interface Carrier {
  /** Its name, which is that of its management server too. */
  agent: string
  /** Names of those of the site. */
  managementServers: readonly string[]
  peerLink: PeerLink
}

export function judgeCarrier(name: string, carrier: Carrier): TestRefusal | undefined {
  const { agent, managementServers, peerLink } = carrier
  if (agent === name) return ownManagementServer(name)
  if (!managementServers.includes(agent)) {
    const detail =
      `no management server of the site is named ${agent} like the agent, which cannot tell whether ` +
      `${name} is the machine that it runs on: name agent and management server alike, then ask again`
    return refuse('own-management-server', detail)
  }
  if (peerLink === 'not-configured' || peerLink === 'up') return undefined
  return refuse('link-down', `the peer link is ${peerLink}: bring it up, then ask again`)
}

export function ownManagementServer(name: string): TestRefusal {
  const detail =
    `the agent that would carry this out runs on ${name} itself and would cut its own feeds: have the ` +
    'agent of the other management server active, then ask again'
  return refuse('own-management-server', detail)
}

/** The settings alone; the control plane asks the same. */
export function judgeManagementSettings(
  name: string,
  feeds: readonly Outlet[],
  settings: Pick<PduTestSettings, 'mode' | 'pdu' | 'offTimeMs'>,
): TestRefusal | undefined {
  const { min, max } = MANAGEMENT_OFF_TIME_S
  const offTimeS = settings.offTimeMs / 1000
  if (settings.pdu !== undefined) {
    return refuse('invalid-test', `the test of a management server takes all feeds, no single PDU`)
  }
  if (settings.mode === 'serial' && (offTimeS < min || offTimeS > max)) {
    const detail = `offTimeS ${offTimeS} of a serial test of a management server: allowed are ${min} to ${max}`
    return refuse('invalid-test', detail)
  }
  return judgePduSettings(name, feeds, settings)
}
