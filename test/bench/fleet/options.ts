// What the bench of the fleet was asked to do.
import { parseArgs } from 'node:util'
import { TARGETS, type TargetKind } from './target.ts'

export interface FleetOptions {
  target: TargetKind
  sites: number
  servers: number
  /** Fewer runs and a shorter look: to see that it all works. */
  quick: boolean
}

/** Outlets of the PDUs of a simulated site. */
const SERVERS_MAX = 48
const SITES_MAX = 2000

/** The options and the sections asked for, or the text that says what is wrong. */
export function readFleetOptions(
  argv: string[],
  known: readonly string[],
): { options: FleetOptions; sections: readonly string[] } | string {
  const usage =
    'usage: npm run bench:fleet -- [--target node|workerd] [--sites N] [--servers N] [--quick] [SECTION]...\n' +
    `sections: ${known.join(', ')}`
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        target: { type: 'string', default: 'node' },
        sites: { type: 'string', default: '500' },
        servers: { type: 'string', default: '20' },
        quick: { type: 'boolean', default: false },
      },
    })
    const unknown = positionals.filter((name) => !known.includes(name))
    if (unknown.length > 0) return `no section is named ${unknown.join(', ')}\n${usage}`
    const target = TARGETS.find((kind) => kind === values.target)
    if (!target) return `--target ${values.target}: must be one of ${TARGETS.join(', ')}\n${usage}`
    const sites = Number(values.sites)
    const servers = Number(values.servers)
    if (!isWhole(sites, SITES_MAX)) return `--sites ${values.sites}: must be 1 to ${SITES_MAX}`
    if (!isWhole(servers, SERVERS_MAX)) {
      return `--servers ${values.servers}: must be 1 to ${SERVERS_MAX}`
    }
    const sections = positionals.length > 0 ? positionals : known
    return { options: { target, sites, servers, quick: values.quick }, sections }
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n${usage}`
  }
}

function isWhole(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max
}
