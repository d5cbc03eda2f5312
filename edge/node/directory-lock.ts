// One control plane per data directory: the embedded database takes no lock of its own, and two that open
// the same files corrupt them (spec stack.md §4).
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const held = new Set<string>()

/**
 * Locks a directory for this process and returns the release. A lock whose process has died is taken over.
 *
 * @throws when a living process holds it.
 */
export function lockDirectory(directory: string): () => void {
  const file = join(directory, 'lock')
  if (held.has(file)) throw new Error(`${directory} is in use by this very process`)
  if (!tryCreate(file)) takeOver(directory, file)
  held.add(file)
  return () => {
    held.delete(file)
    if (readOwner(file) === process.pid) rmSync(file, { force: true })
  }
}

/** Whole or not at all: a lock that names nobody yet would look like that of a dead process. */
function tryCreate(file: string): boolean {
  const draft = writeDraft(file)
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function writeDraft(file: string): string {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, `${process.pid}\n`, { mode: 0o600 })
  return draft
}

/** Several starters may find the same dead owner: only the one with the right to it replaces its lock. */
function takeOver(directory: string, file: string): void {
  refuseLiving(directory, file)
  const right = `${file}-takeover`
  if (!tryCreate(right)) {
    if (!isAlive(readOwner(right))) rmSync(right, { force: true })
    throw takenJustNow(directory)
  }
  try {
    // Whoever had the right before may have used it.
    refuseLiving(directory, file)
    if (existsSync(file)) renameSync(writeDraft(file), file)
    else if (!tryCreate(file)) throw takenJustNow(directory)
  } finally {
    rmSync(right, { force: true })
  }
}

function refuseLiving(directory: string, file: string): void {
  const owner = readOwner(file)
  // After a restart of a container the new process may have the very number of the old one.
  if (owner === process.pid || !isAlive(owner)) return
  throw new Error(`${directory} is in use by process ${owner}; stop it or choose another --data`)
}

function takenJustNow(directory: string): Error {
  return new Error(`${directory} is in use: another process took it just now`)
}

function readOwner(file: string): number {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return Number.NaN
    throw error
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isCode(error, 'EPERM')
  }
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
