// `npm test`: installs the peers that the tests need, then types, lint and every test, as CI does.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { installPeers } from './peers.ts'

const root = join(import.meta.dirname, '..')
const arguments_ = process.argv.slice(2)

function run(title: string, command: string[]): void {
  console.error(`[test] ${title}`)
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' })
  if (status === 0) return
  console.error(`[test] ${title}: failed`)
  process.exit(status ?? 1)
}

/** A tarball has no .git, and the formatter takes its ignore list from there. */
const lint = ['node_modules/@biomejs/biome/bin/biome', 'ci', '--error-on-warnings']
if (!existsSync(join(root, '.git'))) lint.push('--vcs-enabled=false')

installPeers(process.env['CI'] === 'true')
run('types and import borders', ['node_modules/typescript/bin/tsc', '-b'])
run('lint and format', lint)
run('the Worker as it is deployed', ['scripts/deploy.ts', '--dry-run'])
run('tests', ['node_modules/vitest/vitest.mjs', 'run', ...arguments_])
