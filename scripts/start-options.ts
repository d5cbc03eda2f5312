// The options of `npm start` and `npm run dev:worker`.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

export interface StartOptions {
  siteFile: string | undefined
  port: number
  dataDirectory: string
  database: string | undefined
  /** The control plane under workerd instead of Node. */
  worker: boolean
}

const USAGE = `usage: npm start -- [--site FILE.yaml] [--port N] [--data DIR] [--database URL] [--agents 1]

  --site FILE      your own devices instead of the lab
  --port N         of the control plane, 1–65535 (default 8787)
  --data DIR       where everything is kept (default .palisade)
  --database URL   postgres://… instead of the embedded database, which is for evaluation
  --agents 1       agents per site; the second comes with redundancy
  --worker         the control plane as a Cloudflare Worker on this machine, with a Postgres (npm run dev:worker);
                   default of --data then: .palisade-worker`

/** The options, or the text that says what is wrong with them. */
export function readStartOptions(argv: string[]): StartOptions | string {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        site: { type: 'string' },
        port: { type: 'string', default: '8787' },
        data: { type: 'string' },
        database: { type: 'string' },
        agents: { type: 'string', default: '1' },
        worker: { type: 'boolean', default: false },
      },
    })
    const port = Number(values.port)
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      return `--port is ${values.port}; allowed is 1–65535\n${USAGE}`
    }
    if (values.agents !== '1') return `--agents is ${values.agents}; allowed is 1\n${USAGE}`
    if (values.database !== undefined && !/^postgres(ql)?:\/\//.test(values.database)) {
      return `--database must be a postgres:// URL\n${USAGE}`
    }
    const siteFile = values.site === undefined ? undefined : fromHere(values.site)
    if (siteFile !== undefined && !existsSync(siteFile))
      return `--site: there is no file ${siteFile}`
    const { worker, database, data = worker ? '.palisade-worker' : '.palisade' } = values
    return { siteFile, port, dataDirectory: fromHere(data), database, worker }
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n${USAGE}`
  }
}

/** npm runs scripts in the project's folder; paths are meant from where the user stands. */
function fromHere(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? process.cwd(), path)
}
