// Wrangler as a library, and its command. It reads its settings from the environment as soon as it is loaded.
import { join } from 'node:path'

process.env['WRANGLER_SEND_METRICS'] = 'false'
process.env['WRANGLER_HIDE_BANNER'] = 'true'
// Its log of every run would lie in the home directory.
process.env['WRANGLER_WRITE_LOGS'] = 'false'
// What a request says of its sender's place would be asked of the platform, over the network.
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false'

const { unstable_readConfig, unstable_startWorker } = await import('wrangler')

export const readConfig = unstable_readConfig
export const startWorker = unstable_startWorker

/** To be run by Node. */
export const WRANGLER = join(
  import.meta.dirname,
  '..',
  'node_modules',
  'wrangler',
  'bin',
  'wrangler.js',
)
