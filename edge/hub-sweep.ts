// When the links of a hub are looked at: for a hello that does not come, and for agents that went silent.
import { hashText } from '../protocol/chain.ts'
import type { HubPorts } from './hub-ports.ts'

export const HELLO_WITHIN_MS = 10_000
const SILENT_AFTER_MS = 30_000

export function isSilent({ sockets, clock }: HubPorts, link: string): boolean {
  return clock.wallMs() - sockets.heardAtMs(link) >= SILENT_AFTER_MS
}

/** Epoch ms; infinite without links. */
export function nextSweepMs({ site, sockets, sweepEveryMs }: HubPorts): number {
  const links = sockets.list().map(({ id, state: { agent, openedAtMs } }) => {
    if (agent === undefined) return openedAtMs + HELLO_WITHIN_MS
    const silentAtMs = sockets.heardAtMs(id) + SILENT_AFTER_MS
    if (sweepEveryMs === undefined) return silentAtMs
    const phaseMs = phaseOf(site, sweepEveryMs)
    return phaseMs + Math.ceil((silentAtMs - phaseMs) / sweepEveryMs) * sweepEveryMs
  })
  return Math.min(...links, Number.POSITIVE_INFINITY)
}

/** A moment of its own for each site: hubs that lost their links together must not wake together for ever. */
function phaseOf(site: string, everyMs: number): number {
  return Number.parseInt(hashText(site).slice(0, 8), 16) % everyMs
}
