#!/usr/bin/env node
// Starts cli/main.ts under a Node that runs TypeScript: the packaged one, or this one when it is new enough.
// Plain built-ins only, because this file itself runs on whatever Node is on the machine.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const cli = dirname(fileURLToPath(import.meta.url))
const child = spawn(findNode(), [join(cli, 'main.ts'), ...process.argv.slice(2)], {
  stdio: 'inherit',
})
// The terminal sends Ctrl-C to both; the command itself decides what it means.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 4 : 0)))

function findNode() {
  const pinned = join(
    cli,
    '..',
    'node_modules',
    `node-${process.platform}-${process.arch}`,
    'bin',
    'node',
  )
  if (existsSync(pinned)) return pinned
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 19)) return process.execPath
  console.error(
    `palisade needs Node 22.19 or newer; this is ${process.version}. Run \`npm ci\` first.`,
  )
  process.exit(1)
}
