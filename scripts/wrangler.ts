// Wrangler as a library. It reads its settings from the environment as soon as it is loaded.

process.env['WRANGLER_SEND_METRICS'] = 'false'
process.env['WRANGLER_HIDE_BANNER'] = 'true'
// What a request says of its sender's place would be asked of the platform, over the network.
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false'

const { unstable_startWorker } = await import('wrangler')

export const startWorker = unstable_startWorker
