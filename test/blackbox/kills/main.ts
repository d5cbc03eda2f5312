// `npm run kills`: 200 random kills on each target or on one, and the outages that take longer than `npm test` may.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installPeers } from '../../../scripts/peers.ts'
import { TARGETS } from '../projects.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    count: { type: 'string', default: '200' },
    seed: { type: 'string' },
  },
})
const { target, count, seed } = values
const faults = [
  ...(target === undefined || TARGETS.some((name) => name === target)
    ? []
    : [`--target ${target}: allowed are ${TARGETS.join(', ')}`]),
  ...(/^[1-9]\d{0,4}$/.test(count) ? [] : [`--count ${count}: allowed are 1 to 99999`]),
  ...(seed === undefined || /^\d{1,6}$/.test(seed)
    ? []
    : [`--seed ${seed}: allowed are 0 to 999999`]),
]
if (faults.length > 0) {
  for (const fault of faults) console.error(fault)
  process.exit(2)
}

installPeers(process.env['CI'] === 'true')
const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', 'test/blackbox']
const projects = (target === undefined ? TARGETS : [target]).flatMap((name) => ['--project', name])
const { status } = spawnSync(process.execPath, [...vitest, ...projects], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    PALISADE_KILLS: count,
    ...(seed === undefined ? {} : { PALISADE_KILLS_SEED: seed }),
  },
})
process.exit(status ?? 1)
