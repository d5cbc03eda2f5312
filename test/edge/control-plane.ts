// A control plane on a private Postgres, and a client for it.
import { readFileSync } from 'node:fs'
import type { Db } from '../../db/client.ts'
import { openDatabase } from '../../db/client.ts'
import { type ControlPlane, startControlPlane } from '../../edge/node/control-plane.ts'
import { type Plane, planeAt } from '../blackbox/client.ts'
import { type PrivatePostgres, startPostgres, temporaryDirectory } from '../postgres.ts'

export interface TestPlane extends Plane {
  databaseUrl: string
  dataDirectory: string
  logged: { event: string; fields: unknown }[]
  /** Looks behind the API. */
  database<T>(use: (db: Db) => Promise<T>): Promise<T>
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function startTestPlane(): Promise<TestPlane> {
  const postgres = await startPostgres()
  try {
    return await startOn(postgres)
  } catch (error) {
    await postgres.stop()
    throw error
  }
}

async function startOn(postgres: PrivatePostgres): Promise<TestPlane> {
  const databaseUrl = await postgres.freshDatabase()
  const directory = temporaryDirectory()
  const logged: TestPlane['logged'] = []
  const start = (port: number): Promise<ControlPlane> =>
    startControlPlane({
      dataDirectory: directory.path,
      port,
      databaseUrl,
      log: (_level, event, fields) => logged.push({ event, fields }),
    })
  let plane = await start(0)
  const admin = readFileSync(plane.adminTokenFile, 'utf8').trim()
  return {
    ...planeAt(plane.url, admin),
    databaseUrl,
    dataDirectory: directory.path,
    logged,
    async database(use) {
      const { db, close } = openDatabase(databaseUrl, { connections: 2 })
      try {
        return await use(db)
      } finally {
        await close()
      }
    },
    async restart() {
      const port = Number(new URL(plane.url).port)
      await plane.stop()
      plane = await start(port)
    },
    async stop() {
      await plane.stop()
      await postgres.stop()
      directory.remove()
    },
  }
}

/** Looks until it is so; for what another process or socket brings about. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 5000,
): Promise<T> {
  const end = performance.now() + withinMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
