// `npm run check`: types, import borders, lint and format, and whether the Worker can be deployed, in a few seconds and
// without any peer.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const commands = [
  ['node_modules/typescript/bin/tsc', '-b'],
  ['node_modules/@biomejs/biome/bin/biome', 'ci', '--error-on-warnings'],
  ['scripts/deploy.ts', '--dry-run'],
  ['scripts/deploy.ts', '--dry-run', '--env', 'preview'],
]
for (const command of commands) {
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
