// The control plane as separate processes on each thing that it runs on, with a database of its own.
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, inject } from 'vitest'
import { ControlPlaneProcess } from '../e2e/palisade.ts'
import type { Closing } from '../e2e/programs.ts'
import { startWorkerd } from '../e2e/workerd.ts'
import { findPostgres, type PrivatePostgres, startPostgres } from '../postgres.ts'

/** One control plane. Whoever started it need not stop it: that goes with the test. */
export interface Entry {
  url: string
  adminToken: string
  /** As `kill -9` of all its processes. */
  kill(): Promise<void>
  /** Again on what it left, at the same address. */
  start(): Promise<void>
  /** Throws the hub of a site out of memory as its platform does; its links stay. */
  evict?(site: string): Promise<void>
}

export interface Target extends Entry {
  /** Not the embedded one, which dies with its process. */
  postgres?: PrivatePostgres
  /** Another one of the same installation, on the same database. */
  startSecond?(): Promise<Entry>
}

/** Set by `npm run kills`: what takes too long for `npm test` runs too. */
export const LONG = process.env['PALISADE_KILLS'] !== undefined

export const targetName = inject('target')

/** A suite that needs the target, skipped where its database is not installed. */
export function onTarget(title: string, suite: () => void): void {
  const installed = targetName === 'node-embedded' || findPostgres() !== undefined
  describe.skipIf(!installed)(title, suite)
}

export async function startTarget(closing: Closing): Promise<Target> {
  const directory = join(closing.directory(), 'first')
  if (targetName === 'node-embedded') return await startNode(closing, directory)
  const postgres = await startPostgres()
  closing.add(() => postgres.stop())
  const databaseUrl = await postgres.freshDatabase()
  const start = targetName === 'workerd' ? startOnWorkerd : startNode
  const first = await start(closing, directory, databaseUrl)
  let others = 0
  const startSecond = () => {
    const beside = `${directory}-${++others}`
    copySecrets(directory, beside)
    return start(closing, beside, databaseUrl)
  }
  return { ...first, postgres, startSecond }
}

async function startNode(
  closing: Closing,
  directory: string,
  databaseUrl?: string,
): Promise<Entry> {
  const controlPlane = new ControlPlaneProcess(directory, databaseUrl)
  closing.add(() => controlPlane.program.stop())
  await controlPlane.start()
  return {
    url: controlPlane.url,
    adminToken: readFileSync(controlPlane.tokenFile, 'utf8').trim(),
    kill: () => controlPlane.program.kill(),
    start: () => controlPlane.start(),
  }
}

async function startOnWorkerd(
  closing: Closing,
  directory: string,
  databaseUrl = '',
): Promise<Entry> {
  const workerd = await startWorkerd({ directory, databaseUrl })
  closing.add(() => workerd.stop())
  return workerd
}

/** Every control plane of an installation signs with the same key and knows the same administrator. */
function copySecrets(from: string, to: string): void {
  mkdirSync(to, { mode: 0o700 })
  for (const name of ['signing-key.jwk', 'admin-token']) {
    if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name))
  }
}
