// `npm run deploy`: wrangler deploy with what has to hold before. Arguments go on to wrangler, such as `--env preview`
// and `--dry-run`.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readConfig, WRANGLER } from './wrangler.ts'

const root = join(import.meta.dirname, '..')
const PLACEHOLDER = /^0+$/

const argv = process.argv.slice(2)
const { values } = parseArgs({
  args: argv,
  strict: false,
  options: { env: { type: 'string' }, 'dry-run': { type: 'boolean' } },
})
const env = typeof values.env === 'string' ? { env: values.env } : {}
const file = join(root, 'wrangler.toml')
const config = readConfig({ config: file, ...env })
if (
  !values['dry-run'] &&
  config.hyperdrive.some(({ id }: { id: string }) => PLACEHOLDER.test(id))
) {
  const section = env.env === undefined ? '[[hyperdrive]]' : `[[env.${env.env}.hyperdrive]]`
  console.error(
    `wrangler.toml, ${section}: id is a placeholder; docs/deploy-workers.md tells how to make a Hyperdrive configuration`,
  )
  process.exit(2)
}
// Named, so that wrangler does not ask which of the environments is meant.
const chosen = env.env === undefined ? ['--env', ''] : []
const { status } = spawnSync(
  process.execPath,
  [WRANGLER, 'deploy', '--config', file, ...chosen, ...argv],
  {
    cwd: process.env['INIT_CWD'] ?? root,
    stdio: 'inherit',
  },
)
process.exit(status ?? 1)
