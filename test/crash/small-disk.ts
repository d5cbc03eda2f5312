// A disk of a few megabytes that can be filled and emptied: a tmpfs in a mount namespace of its own, which goes
// with the process that holds it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const IS_ROOT = process.getuid?.() === 0
const UNSHARE = IS_ROOT ? ['-m'] : ['-U', '-r', '-m']
const ENTER = IS_ROOT ? ['-m'] : ['-U', '-m', '--preserve-credentials']
const PAGE = Buffer.alloc(4096)

/** Whether this machine lets us mount one. */
export function canHaveSmallDisk(): boolean {
  const mounted = spawnSync('unshare', [...UNSHARE, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'])
  return mounted.status === 0 && spawnSync('nsenter', ['--version']).status === 0
}

export class SmallDisk {
  readonly #directory: string
  readonly #holder: ChildProcess

  private constructor(directory: string, holder: ChildProcess) {
    this.#directory = directory
    this.#holder = holder
  }

  static async make(megabytes: number): Promise<SmallDisk> {
    const directory = mkdtempSync(join(tmpdir(), 'palisade-disk-'))
    const script = 'mount -t tmpfs -o size="$1"m tmpfs "$2" && echo mounted && exec cat'
    const holder = spawn(
      'unshare',
      [...UNSHARE, 'sh', '-c', script, 'sh', String(megabytes), directory],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    const [said] = await once(holder.stdout, 'data')
    if (!String(said).startsWith('mounted')) throw new Error(`no disk: ${String(said)}`)
    return new SmallDisk(directory, holder)
  }

  /** As the processes on it see it. */
  get directory(): string {
    return this.#directory
  }

  /** A command that starts the one behind it where this disk is mounted. */
  get wrapper(): string[] {
    return ['nsenter', '-t', String(this.#holder.pid), ...ENTER, '--']
  }

  /** The same file as seen from here. */
  path(name: string): string {
    return join(`/proc/${this.#holder.pid}/root${this.#directory}`, name)
  }

  has(name: string): boolean {
    try {
      return statSync(this.path(name)).isFile()
    } catch {
      return false
    }
  }

  /** Takes all that is left. */
  fill(): void {
    const file = openSync(this.path('filler'), 'a')
    try {
      for (;;) writeSync(file, PAGE)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    } finally {
      closeSync(file)
    }
  }

  empty(): void {
    rmSync(this.path('filler'), { force: true })
  }

  async close(): Promise<void> {
    const ended = once(this.#holder, 'exit')
    this.#holder.stdin?.end()
    await ended
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
