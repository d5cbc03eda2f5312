// Small files that must be whole after a power loss, and readable by their owner alone.
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'

/** Replaces a file so that after a power loss either the old or the new one is there, whole. */
export async function replaceFile(directory: string, name: string, text: string): Promise<void> {
  const path = join(directory, name)
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  await syncDirectory(directory)
}

/** Makes created, renamed and removed names durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Undefined when there is no such file. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
