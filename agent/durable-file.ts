// Small files that must be whole after a power loss, and readable by their owner alone.
import { join } from 'node:path'
import { type Disk, nodeDisk } from './disk.ts'
import type { DiskFile } from './journal/segments.ts'

/** Replaces a file so that after a power loss either the old or the new one is there, whole. */
export async function replaceFile(
  directory: string,
  name: string,
  text: string,
  disk: Disk = nodeDisk,
): Promise<void> {
  const path = join(directory, name)
  await writeWhole(`${path}.new`, text, disk, (file) => file.datasync())
  await disk.rename(`${path}.new`, path)
  await disk.syncDirectory(directory)
}

/** Replaces a file that may be lost or torn by a power loss. */
export async function replaceFleetingFile(path: string, text: string, disk: Disk): Promise<void> {
  await writeWhole(`${path}.new`, text, disk)
  await disk.rename(`${path}.new`, path)
}

async function writeWhole(
  path: string,
  text: string,
  disk: Disk,
  finish: (file: DiskFile) => Promise<void> = async () => {},
): Promise<void> {
  const file = await disk.open(path, 'w', 0o600)
  try {
    await writeAll(file, Buffer.from(text), 0)
    await finish(file)
  } finally {
    await file.close()
  }
}

/** Writes all of it, however little the platform takes at a time. */
export async function writeAll(
  file: Pick<DiskFile, 'write'>,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const left = bytes.length - written
    written += (await file.write(bytes, written, left, position + written)).bytesWritten
  }
}

/** Undefined when there is no such file. */
export async function readText(path: string, disk: Disk = nodeDisk): Promise<string | undefined> {
  try {
    return (await disk.read(path)).toString('utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
