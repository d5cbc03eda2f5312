// One control plane per data directory: the embedded database takes no lock of its own, and two that open
// the same files corrupt them (spec stack.md §4).
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
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
  if (!tryCreate(file)) {
    const owner = readOwner(file)
    // After a restart of a container the new process may have the very number of the old one.
    if (owner !== process.pid && isAlive(owner)) {
      throw new Error(
        `${directory} is in use by process ${owner}; stop it or choose another --data`,
      )
    }
    removeStale(file, owner)
    if (!tryCreate(file)) throw new Error(`${directory} was taken by another process just now`)
  }
  held.add(file)
  return () => {
    held.delete(file)
    if (readOwner(file) === process.pid) rmSync(file, { force: true })
  }
}

function tryCreate(file: string): boolean {
  try {
    writeFileSync(file, `${process.pid}\n`, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  }
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

/** Two starters may find the same dead owner: what was moved away is looked at, and a living lock put back. */
function removeStale(file: string, owner: number): void {
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return
    throw error
  }
  if (!Object.is(readOwner(aside), owner)) {
    try {
      linkSync(aside, file)
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error
    }
  }
  rmSync(aside, { force: true })
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
