// The machine and the software that a table was made with: without them its figures mean nothing.
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { SOFTWARE_VERSION } from '../../protocol/version.ts'
import { nodeClock } from '../../runtime/node.ts'
import { median, percentile } from './table.ts'

const PACKAGES = ['openipmi', 'ipmitool', 'freeipmi-tools', 'fence-agents', 'postgresql-15']

export function describeMachine(): string[] {
  const model = cpus()[0]?.model.trim() ?? 'unknown'
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const syncs = timeSyncs()
  return [
    `${nodeClock.wall().slice(0, 16)}Z, ${cpus().length} × ${model}, ${memory}, Linux ${release()}`,
    `load average ${loadText()}; append of 900 bytes and fdatasync: p50 ${median(syncs).toFixed(2)} ms, ` +
      `p99 ${percentile(syncs, 0.99).toFixed(2)} ms`,
    `Palisade ${SOFTWARE_VERSION}, Node ${process.versions.node}, ${PACKAGES.map(versionOf).join(', ')}`,
  ]
}

export function loadText(): string {
  return loadavg()
    .map((load) => load.toFixed(1))
    .join(' ')
}

/** What every durable step costs at least, on the disk that the bench uses. */
function timeSyncs(): number[] {
  const directory = mkdtempSync(join(tmpdir(), 'palisade-bench-'))
  const file = openSync(join(directory, 'sync'), 'w')
  const bytes = Buffer.alloc(900, 'x')
  const samples = Array.from({ length: 100 }, () => {
    const from = nodeClock.now()
    writeSync(file, bytes)
    fdatasyncSync(file)
    return nodeClock.now() - from
  })
  closeSync(file)
  rmSync(directory, { recursive: true })
  return samples
}

function versionOf(name: string): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a format of dpkg-query.
  const said = spawnSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8' })
  return `${name} ${said.status === 0 ? said.stdout : 'unknown'}`
}

/** Processor time of a process so far, in ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // utime and stime in ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Resident memory of a process in MB (10⁶ bytes). */
export function residentMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kib) * 1024) / 1e6
}
