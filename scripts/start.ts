// `npm start`: the whole of Palisade on this machine. Without --site it brings its own devices, the lab.

import { createSocket } from 'node:dgram'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'
import { ChildProcesses, within } from './child-processes.ts'
import { startOnNode, startOnWorkerd } from './control-planes.ts'
import { readStartOptions, type StartOptions } from './start-options.ts'

const root = join(import.meta.dirname, '..')
const STOP_NOTICE_PORT = 7410

const options = readStartOptions(process.argv.slice(2))
if (typeof options === 'string') {
  console.error(options)
  process.exit(2)
}

const children = new ChildProcesses(root, join(options.dataDirectory, 'logs'))
/** Of what runs beside the children, last first. */
const closers: (() => void | Promise<void>)[] = []
let stopping = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void stop(0))
}
children.onUnexpectedEnd = (name, { log, lastLines }) => {
  if (stopping) return
  console.error(`${name} ended; its log is ${log}, and it said last:\n${lastLines}`)
  void stop(1)
}

try {
  await start(options)
} catch (error) {
  if (!stopping) console.error(error instanceof Error ? error.message : error)
  await stop(1)
}

async function stop(code: number): Promise<void> {
  if (stopping) return
  stopping = true
  await children.stop()
  for (const closer of closers.reverse()) await closer()
  process.exit(code)
}

async function start({ dataDirectory, siteFile, worker, ...place }: StartOptions): Promise<void> {
  if (siteFile) children.withhold(readSite(siteFile).variables)
  const { database } = place
  const embedded = worker ? 'a Postgres of its own' : 'embedded database'
  say(`control plane${worker ? ' under workerd' : ''}: ${database ? 'Postgres' : embedded}`)
  // First, because it locks the directory: a second start must not touch the lab of the one that runs.
  const url = worker
    ? await startOnWorkerd(children, { dataDirectory, ...place }, closers)
    : await startOnNode(children, { dataDirectory, ...place })
  const stopNoticePort = siteFile ? STOP_NOTICE_PORT : await freeUdpPort()
  const file = siteFile ?? (await startLab(dataDirectory, stopNoticePort))
  const { name: site, agents } = readSite(file)
  const [agent = site] = agents
  await startAgent(dataDirectory, url, site, agent, stopNoticePort)
  await apply(dataDirectory, url, file)
  greet(dataDirectory, url, siteFile === undefined)
}

async function startLab(dataDirectory: string, stopNoticePort: number): Promise<string> {
  say('lab: simulated BMCs and PDUs that speak the real protocols')
  const directory = join(dataDirectory, 'lab')
  const lab = children.start('lab', 'lab/main.ts', [
    '--dir',
    directory,
    '--stop-notices',
    `127.0.0.1:${stopNoticePort}`,
  ])
  await within(20_000, 'the lab did not start', () => lab.printed(/^site\t/m))
  const control = /^control\t(\S+)$/m.exec(lab.output)?.[1]
  if (control) writeFileSync(join(directory, 'control-url'), `${control}\n`)
  return join(directory, 'site.yaml')
}

async function startAgent(
  dataDirectory: string,
  url: string,
  site: string,
  agent: string,
  stopNoticePort: number,
): Promise<void> {
  say(`agent: ${agent}`)
  const directory = join(dataDirectory, 'agents', site, agent)
  const tokenFile = join(dataDirectory, 'enrolment-token')
  if (!existsSync(join(directory, 'enrolment.json'))) {
    writeFileSync(tokenFile, await enrolmentToken(dataDirectory, url, site, agent), { mode: 0o600 })
  }
  const own = ['--data', directory, '--control-plane', url, '--name', agent]
  const enrolment = ['--enrolment-token-file', tokenFile]
  const notices = ['--stop-notice-port', String(stopNoticePort)]
  // A thousand kept sessions allocate little at a time: a small nursery saves a third of the memory.
  const nodeOptions = `${process.env['NODE_OPTIONS'] ?? ''} --max-semi-space-size=4`.trim()
  children.start('agent', 'agent/main.ts', [...own, ...enrolment, ...notices], {
    NODE_OPTIONS: nodeOptions,
  })
  await within(20_000, `agent ${agent} did not connect`, async () => {
    const { items } = await call(dataDirectory, url, `/v1/sites/${site}/agents`)
    return items?.some((item) => item.name === agent && item.connected) ?? false
  })
  rmSync(tokenFile, { force: true })
}

async function enrolmentToken(
  dataDirectory: string,
  url: string,
  site: string,
  agent: string,
): Promise<string> {
  const { token } = await call(dataDirectory, url, `/v1/sites/${site}/enrolments`, { name: agent })
  if (!token) throw new Error('the control plane gave no enrolment token')
  return token
}

interface Reply {
  token?: string
  items?: { name: string; connected: boolean }[]
}

async function call(
  dataDirectory: string,
  url: string,
  path: string,
  body?: object,
): Promise<Reply> {
  const token = readFileSync(join(dataDirectory, 'admin-token'), 'utf8').trim()
  const response = await fetch(`${url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': crypto.randomUUID(),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Reply
}

async function apply(dataDirectory: string, url: string, file: string): Promise<void> {
  say(`site file: ${file}`)
  const { code, output } = await children.run('cli/main.ts', ['apply', '-f', file], {
    PALISADE_URL: url,
    PALISADE_TOKEN_FILE: join(dataDirectory, 'admin-token'),
    XDG_STATE_HOME: dataDirectory,
  })
  if (code !== 0) throw new Error(`the site file was not applied:\n${output}`)
}

function readSite(file: string): { name: string; agents: string[]; variables: string[] } {
  const document = parse(readFileSync(file, 'utf8')) as {
    metadata?: { name?: unknown }
    spec?: { managementServers?: { name?: unknown }[] }
  } | null
  const name = document?.metadata?.name
  if (typeof name !== 'string')
    throw new Error(`${file}: metadata.name is missing; a site has a name`)
  const servers = document?.spec?.managementServers ?? []
  const agents = servers.map((server) => String(server.name))
  return { name, agents, variables: namesOfVariables(document) }
}

/** Of the environment variables that hold credentials, wherever the document refers to one. */
function namesOfVariables(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  const named = 'env' in value && typeof value.env === 'string' ? [value.env] : []
  return [...named, ...Object.values(value).flatMap(namesOfVariables)]
}

function freeUdpPort(): Promise<number> {
  return new Promise((found, failed) => {
    const socket = createSocket('udp4')
    socket.once('error', failed)
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address()
      socket.close(() => found(port))
    })
  })
}

function say(line: string): void {
  console.log(`  ${line}`)
}

function greet(dataDirectory: string, url: string, lab: boolean): void {
  const tokenFile = join(dataDirectory, 'admin-token')
  const control = lab ? readFileSync(join(dataDirectory, 'lab', 'control-url'), 'utf8').trim() : ''
  console.log(`
Palisade is ready.

  Control plane  ${url}   (API description: ${url}/openapi.json)
  Admin token    ${resolve(tokenFile)}
  Logs           ${children.logDirectory}
${lab ? `  Lab control    ${control}/servers\n` : ''}
Try, in another terminal here:

  export PALISADE_URL=${url} PALISADE_TOKEN_FILE=${tokenFile}
  npm run -s palisade -- show status
  npm run -s palisade -- reset ${lab ? 'PSERVER1' : 'SERVER'} --reason "first try" --wait 60

Ctrl-C stops everything; the state stays in ${dataDirectory}.`)
}
