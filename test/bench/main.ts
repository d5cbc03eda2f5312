// `npm run bench`: how soon Palisade acts, beside the programs that it replaces, on the same simulators in the
// same run. docs/performance.md says what each row means.

import { nodeClock } from '../../runtime/node.ts'
import { installPeers } from '../../scripts/peers.ts'
import { describeMachine, loadText } from './machine.ts'
import { type BenchOptions, readBenchOptions } from './options.ts'
import { burst } from './sections/burst.ts'
import { confirmedOff } from './sections/confirmed-off.ts'
import { firstCommand } from './sections/first-command.ts'
import { hardTimer } from './sections/hard-timer.ts'
import { watching } from './sections/watching.ts'
import { printSection, type Section } from './table.ts'

const SECTIONS: Record<string, (options: BenchOptions) => Promise<Section>> = {
  'first-command': firstCommand,
  'confirmed-off': confirmedOff,
  'hard-timer': hardTimer,
  burst,
  watching,
}

const read = readBenchOptions(process.argv.slice(2), Object.keys(SECTIONS))
if (typeof read === 'string') {
  console.error(read)
  process.exit(2)
}
installPeers(true)
for (const line of describeMachine()) console.log(line)
const startedAt = nodeClock.now()
let missed = 0
for (const name of read.sections) {
  const section = await SECTIONS[name]?.(read.options)
  if (!section) continue
  const printed = printSection(section)
  missed += printed.missed
  console.log(printed.text)
  console.log(`  load average after it: ${loadText()}`)
}
const tookS = ((nodeClock.now() - startedAt) / 1000).toFixed(0)
console.log(`\n${missed === 0 ? 'every goal was met' : `${missed} goals were missed`} (${tookS} s)`)
