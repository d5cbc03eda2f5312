// `npm run crash`: the whole crash matrix instead of the slice of it that `npm test` takes.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { installPeers } from '../../scripts/peers.ts'

const root = join(import.meta.dirname, '..', '..')

installPeers(process.env['CI'] === 'true')
const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', 'test/crash']
const { status } = spawnSync(process.execPath, [...vitest, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PALISADE_CRASH: 'full' },
})
process.exit(status ?? 1)
