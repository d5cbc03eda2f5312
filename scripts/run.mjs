// Entry of every npm script: installs the locked packages when needed, then runs the task under the
// pinned Node. Plain built-ins only, because this file itself runs on whatever Node is on the machine.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const modules = join(root, 'node_modules')
const stampFile = join(modules, '.palisade-stamp')
const lockDirectory = join(root, '.palisade-install.lock')

const TASKS = {
  start: ['scripts/start.ts'],
  'dev:worker': ['scripts/start.ts', '--worker'],
  test: ['scripts/test.ts'],
  palisade: ['cli/main.ts'],
  lab: ['lab/main.ts'],
  bench: ['test/bench/main.ts'],
  'bench:fleet': ['test/bench/fleet/main.ts'],
  crash: ['test/crash/main.ts'],
  sim: ['test/sim/main.ts'],
  'sim:soak': ['test/sim/main.ts', '--soak'],
  'sim:votes': ['test/sim/votes/main.ts'],
  'sim:planted': ['test/sim/planted/main.ts'],
  kills: ['test/blackbox/kills/main.ts'],
  check: ['scripts/check.ts'],
  format: ['node_modules/@biomejs/biome/bin/biome', 'check', '--write', '.'],
  migrate: ['scripts/migrate.ts'],
  secrets: ['scripts/secrets.ts'],
  deploy: ['scripts/deploy.ts'],
  migrations: ['node_modules/drizzle-kit/bin.cjs', 'generate'],
}

const [task, ...rest] = process.argv.slice(2)
const script = TASKS[task]
if (!script) {
  console.error(`unknown task ${task}; one of: ${Object.keys(TASKS).join(', ')}`)
  process.exit(2)
}

installPackages()
runTask(pinnedNode())

function installPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform}-${process.arch}`)
    .digest('hex')
  const upToDate = () => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted
  if (upToDate()) return
  takeLock(upToDate)
  try {
    if (upToDate()) return
    console.error('[setup] installing packages (npm ci)…')
    const { status } = spawnSync(
      'npm',
      ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--include=dev', '--include=optional'],
      { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: withoutNpmSettings() },
    )
    if (status !== 0) {
      console.error('[setup] npm ci failed; see the message above')
      process.exit(status ?? 1)
    }
    writeFileSync(stampFile, wanted)
  } finally {
    rmSync(lockDirectory, { recursive: true, force: true })
  }
}

/** mkdir is atomic, so of two runs at once one installs; a dead owner's lock is taken over. */
function takeLock(upToDate) {
  const ownerFile = join(lockDirectory, 'pid')
  for (let waitedMs = 0; ; waitedMs += 200) {
    try {
      mkdirSync(lockDirectory)
      writeFileSync(ownerFile, String(process.pid))
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (upToDate()) return
    if (waitedMs > 1000 && !ownerLives(ownerFile)) {
      rmSync(lockDirectory, { recursive: true, force: true })
      continue
    }
    if (waitedMs > 300_000) {
      console.error(`[setup] another install has held ${lockDirectory} for five minutes`)
      process.exit(1)
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  }
}

function ownerLives(ownerFile) {
  try {
    process.kill(Number(readFileSync(ownerFile, 'utf8')), 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** The inner npm must not inherit what the outer `npm run` put in the environment. */
function withoutNpmSettings() {
  const kept = /^npm_config_(registry|cache|cafile|userconfig|globalconfig|_|.*proxy)/i
  return Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key) || kept.test(key)),
  )
}

function pinnedNode() {
  const pinned = join(modules, `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(pinned)) return pinned
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 19)) return process.execPath
  console.error(
    `Palisade needs Node 22.19 or newer; this is ${process.version} and there is no packaged Node for ` +
      `${process.platform}-${process.arch}. Install a newer Node and run the command again.`,
  )
  process.exit(1)
}

function runTask(node) {
  const child = spawn(node, [join(root, script[0]), ...script.slice(1), ...rest], {
    cwd: task === 'palisade' ? (process.env.INIT_CWD ?? process.cwd()) : root,
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: [join(modules, '.bin'), dirname(node), process.env.PATH ?? ''].join(delimiter),
    },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // `kill` of the npm process would otherwise leave the task behind as an orphan.
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM')
  }, 250).unref()
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
}
