// A machine that really runs: ipmi_sim as its BMC, QEMU as its hardware, Debian's kernel in it, and a crash
// kernel with the stock stop-notice sender. Its serial console is the oracle.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ADMIN } from './ipmi-sim.ts'

const execute = promisify(execFile)
const SOURCES = join(import.meta.dirname, 'real-machine')
const CACHE = join(import.meta.dirname, '..', '..', '.peers', 'real-machine')
const GUID = 'a123456789abcdefa123456789abcd11'

export interface Boot {
  /** The kernel's own id of this boot. */
  id: string
  /** A crash kernel was loaded, and an NMI panics the system. */
  kdump: boolean
}

/** Builds what the machine boots, once. Otherwise says why it cannot be had; with CI=true that throws. */
export async function buildRealMachine(): Promise<{ built: string } | { missing: string }> {
  try {
    const { stdout } = await execute('sh', [join(SOURCES, 'build.sh'), CACHE])
    return { built: stdout.trim() }
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string }
    const missing = stderr.trim().split('\n').at(-1) ?? 'the real machine cannot be built'
    if (process.env['CI'] === 'true') throw new Error(missing, { cause: error })
    return { missing }
  }
}

/**
 * Where the machine is to be found. As root it has a tap interface and an address of its own; otherwise
 * QEMU's user network, behind which it is heard from this host's own address.
 */
interface Network {
  netdev: string
  /** Source address of what the machine sends, as this host sees it. */
  heardFrom: string
  /** The machine's own address, and this host's as the machine sees it. */
  inside: { machine: string; host: string }
}

async function chooseNetwork(): Promise<Network> {
  if (!(await canTap())) {
    const inside = { machine: '10.0.2.15', host: '10.0.2.2' }
    return { netdev: 'user,id=net', heardFrom: '127.0.0.1', inside }
  }
  const net = freeNet()
  const script = join(SOURCES, 'tap-up.sh')
  const inside = { machine: `${net}.2`, host: `${net}.1` }
  const netdev = `tap,id=net,ifname=pal${process.pid},script=${script},downscript=no`
  return { netdev, heardFrom: inside.machine, inside }
}

async function canTap(): Promise<boolean> {
  const name = `palt${process.pid}`
  try {
    await execute('ip', ['tuntap', 'add', 'dev', name, 'mode', 'tap'])
    await execute('ip', ['link', 'del', name])
    return true
  } catch {
    return false
  }
}

/** The first three numbers of a private net that no interface here has. */
function freeNet(): string {
  const taken = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  for (let tries = 0; tries < 256; tries++) {
    const net = `10.99.${(process.pid + tries) % 256}`
    if (!taken.some(({ address }) => address.startsWith(`${net}.`))) return net
  }
  throw new Error('all of 10.99.0.0/16 is taken')
}

export interface RealMachineOptions {
  built: string
  /** Where this host listens for stop notices. */
  noticePort: number
}

export class RealMachine {
  readonly directory: string
  /** Of the BMC. */
  readonly port: number
  readonly #options: RealMachineOptions
  readonly #network: Network
  readonly #vmPort: number
  #simulator: ChildProcess | undefined

  private constructor(
    options: RealMachineOptions,
    network: Network,
    ports: { bmc: number; vm: number },
  ) {
    this.directory = mkdtempSync(join(tmpdir(), 'palisade-real-machine-'))
    this.#options = options
    this.#network = network
    this.port = ports.bmc
    this.#vmPort = ports.vm
  }

  /** Starts the BMC, which powers the machine on. */
  static async start(options: RealMachineOptions): Promise<RealMachine> {
    const ports = { bmc: await freeUdpPort(), vm: await freeTcpPort() }
    const machine = new RealMachine(options, await chooseNetwork(), ports)
    machine.setKdump(true)
    machine.#powerUp()
    return machine
  }

  /** The address that its stop notices come from. */
  get address(): string {
    return this.#network.heardFrom
  }

  /** Whether the next power on boots a system that takes a dump. */
  setKdump(enabled: boolean): void {
    const { machine, host } = this.#network.inside
    const settings = {
      address: machine,
      gateway: host,
      'notice-port': this.#options.noticePort,
      kdump: enabled ? 1 : 0,
    }
    const line = Object.entries(settings).map(([name, value]) => `palisade.${name}=${value}`)
    const variables = {
      BUILT: this.#options.built,
      VM_PORT: this.#vmPort,
      NETDEV: this.#network.netdev,
      HOST_ADDRESS: host,
      SETTINGS: line.join(' '),
    }
    const lines = Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`)
    writeFileSync(join(this.directory, 'vm.env'), lines.join(''))
  }

  /** Everything that came out of the serial port since the start. */
  console(): string {
    return this.#read('console')
  }

  /** The ordinary boots that came up, oldest first. */
  boots(): Boot[] {
    const said = this.console().matchAll(/PALISADE up boot=([0-9a-f-]{36}) kdump=([01])/g)
    return Array.from(said, ([, id = '', kdump]) => ({ id, kdump: kdump === '1' }))
  }

  /** How often an ordinary kernel began; a crash kernel keeps its banner to itself. */
  kernels(): number {
    return count(this.console(), /Linux version \d/g)
  }

  /** How often a crash kernel came up. */
  crashKernels(): number {
    return count(this.console(), /PALISADE crash kernel up/g)
  }

  /** What the BMC did to the machine, in order, and when in epoch milliseconds. */
  acts(): { at: number; action: string }[] {
    const lines = this.#read('events.log').split('\n').slice(0, -1)
    return lines.flatMap((line) => {
      const [stamp = '', action = ''] = line.split(' ')
      return action === 'start' ? [] : [{ at: Number(stamp) * 1000, action }]
    })
  }

  /** Process of the machine while it is powered on; one that ended and was not yet reaped is off. */
  process(): number | undefined {
    const pid = Number(this.#read('vm.pid'))
    const file = `/proc/${pid}/cmdline`
    if (!Number.isInteger(pid) || pid <= 0 || !existsSync(file)) return undefined
    return readFileSync(file, 'utf8').includes(this.directory) ? pid : undefined
  }

  /** Resolves with the newest boot once there are so many. */
  async booted(times: number, timeoutMs = 60_000): Promise<Boot> {
    await this.until(`boot number ${times}`, timeoutMs, () => this.boots().length >= times)
    const boot = this.boots()[times - 1]
    if (!boot) throw new Error('the console has lost a boot')
    return boot
  }

  async until(what: string, timeoutMs: number, holds: () => boolean): Promise<void> {
    for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += 50) {
      if (holds()) return
      await sleep(50)
    }
    const lines = this.console().split('\n').slice(-20).join('\n')
    throw new Error(
      `not within ${timeoutMs} ms: ${what}; qemu: ${this.#read('qemu.log')}\n${lines}`,
    )
  }

  /** Pulls the plug of BMC and machine and removes their files; their interface ends with them. */
  async remove(): Promise<void> {
    const simulator = this.#simulator
    if (simulator?.exitCode === null) {
      const ended = once(simulator, 'exit')
      simulator.kill('SIGKILL')
      await ended
    }
    await this.until('the machine is gone', 5000, () => this.process() === undefined)
    rmSync(this.directory, { recursive: true, force: true })
  }

  #read(file: string): string {
    const path = join(this.directory, file)
    return existsSync(path) ? readFileSync(path, 'latin1') : ''
  }

  #powerUp(): void {
    const state = join(this.directory, 'state')
    mkdirSync(state)
    const configuration = join(this.directory, 'lan.conf')
    writeFileSync(configuration, this.#configuration())
    const files = ['-c', configuration, '-f', join(SOURCES, '..', 'ipmi-sim', 'bmc.emu')]
    // Both processes end with the one that started them, however that ends.
    const chain = ['--pdeathsig', 'KILL', '--', 'ipmi_sim', '-n', ...files, '-s', state]
    this.#simulator = spawn('setpriv', chain, { stdio: 'ignore' })
  }

  #configuration(): string {
    const { built } = this.#options
    const authentications = ['callback', 'user', 'operator', 'admin']
      .map((level) => `    allowed_auths_${level} none md2 md5 straight`)
      .join('\n')
    return `name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 ${this.port}
    priv_limit admin
${authentications}
    guid ${GUID}
  endlan
  serial 15 127.0.0.1 ${this.#vmPort} codec VM
  startcmd "${join(SOURCES, 'vm.sh')} ${this.directory}"
  startnow true
  poweroff_wait 2
  kill_wait 2
  user 2 true "${ADMIN.username}" "${ADMIN.password}" admin 10 none md2 md5 straight
loadlib "${built}/palvm.so" "${this.directory}"
loadlib "${built}/sha256.so" ""
`
  }
}

function count(text: string, pattern: RegExp): number {
  return Array.from(text.matchAll(pattern)).length
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return address.port
}
