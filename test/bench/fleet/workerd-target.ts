// The control plane under workerd, as it is deployed to Workers. Hyperdrive on this machine is a plain proxy: it
// pools nothing, so Postgres has to take the connections of every hub that is awake.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandLine, familyOf } from '../../e2e/programs.ts'
import { startWorkerd } from '../../e2e/workerd.ts'
import { startPostgres } from '../../postgres.ts'
import { startServer } from './server-process.ts'
import type { Target } from './target.ts'

/** Five for each of 500 hubs, and some. */
const CONNECTIONS = 2600

export async function startWorkerdTarget(): Promise<Target> {
  const directory = mkdtempSync(join(tmpdir(), 'palisade-fleet-'))
  const database = await startPostgres({ durable: true, connections: CONNECTIONS })
  const closeDatabase = async () => {
    await database.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const databaseUrl = await database.freshDatabase()
    const workerd = await startWorkerd({ directory: join(directory, 'control-plane'), databaseUrl })
    return {
      name: 'workerd + Postgres 15',
      url: workerd.url,
      adminToken: workerd.adminToken,
      databaseUrl,
      restMs: 25_000,
      pids: () => runtimeBelow('workerd-child.ts'),
      wakes: () => countWakes(workerd.log()),
      async startBare() {
        const entry = 'test/bench/fleet/bare-workerd.ts'
        const bare = await startServer(entry, [], { DATABASE_URL: databaseUrl })
        return { ...bare, pids: () => runtimeBelow(entry) }
      },
      async stop() {
        await workerd.stop()
        await closeDatabase()
      },
    }
  } catch (error) {
    await closeDatabase()
    throw error
  }
}

/** The workerd of the Worker alone: wrangler has another one in front of it, which it starts first. */
function runtimeBelow(entry: string): number[] {
  const family = familyOf(process.pid)
  const parent = family.find((pid) => commandLine(pid).includes(entry)) ?? 0
  const runtimes = familyOf(parent).filter((pid) => commandLine(pid).includes('bin/workerd'))
  return [Math.max(...runtimes)]
}

/** Of the hubs alone: desks answer what concerns no site. */
function countWakes(log: string): Record<string, number> {
  const counted: Record<string, number> = {}
  for (const line of log.split('\n')) {
    if (!/"event":"object-(woken|alarmed)"/.test(line) || line.includes('"object":"desk-')) continue
    const { event, by = '' } = JSON.parse(line) as { event: string; by?: string }
    const cause = event === 'object-alarmed' ? 'alarm while awake' : by
    counted[cause] = (counted[cause] ?? 0) + 1
  }
  return counted
}
