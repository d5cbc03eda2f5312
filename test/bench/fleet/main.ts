// `npm run bench:fleet`: what many sites cost one control plane, and where it breaks first. docs/scale.md says
// what each row means.
import { nodeClock } from '../../../runtime/node.ts'
import { installPeers } from '../../../scripts/peers.ts'
import { describeMachine, loadText } from '../machine.ts'
import { printSection, type Section } from '../table.ts'
import { connecting } from './connecting.ts'
import { Fleet } from './fleet.ts'
import { startNodeTarget } from './node-target.ts'
import { type FleetOptions, readFleetOptions } from './options.ts'
import { orders } from './orders.ts'
import { quiet } from './quiet.ts'
import { reads } from './reads.ts'
import { storm } from './storm.ts'
import type { Target } from './target.ts'
import { startWorkerdTarget } from './workerd-target.ts'

type MakeSection = (target: Target, fleet: Fleet, options: FleetOptions) => Promise<Section>

const SECTIONS: Record<string, MakeSection> = {
  quiet,
  reads: (target, _fleet, options) => reads(target, options),
  orders,
  storm,
}

const read = readFleetOptions(process.argv.slice(2), Object.keys(SECTIONS))
if (typeof read === 'string') {
  console.error(read)
  process.exit(2)
}
installPeers(true)
for (const line of describeMachine()) console.log(line)
const { options, sections } = read
const startedAt = nodeClock.now()
let missed = 0
const target = await (options.target === 'node' ? startNodeTarget() : startWorkerdTarget())
// Postgres and the Worker would outlive a run that is broken off.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void target.stop().finally(() => process.exit(130)))
}
try {
  const { url, adminToken } = target
  const { sites, servers } = options
  const fleet = await Fleet.open({ url, adminToken, sites, servers })
  try {
    // Whatever else is asked for, the fleet has to be connected.
    print(await connecting(target, fleet, options))
    for (const name of sections) {
      const section = await SECTIONS[name]?.(target, fleet, options)
      if (section) print(section)
    }
  } finally {
    await fleet.close()
  }
} finally {
  await target.stop()
}
const tookS = ((nodeClock.now() - startedAt) / 1000).toFixed(0)
console.log(`\n${missed === 0 ? 'every goal was met' : `${missed} goals were missed`} (${tookS} s)`)

function print(section: Section): void {
  const printed = printSection(section)
  missed += printed.missed
  console.log(printed.text)
  console.log(`  load average after it: ${loadText()}`)
}
