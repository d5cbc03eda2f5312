// OpenIPMI's ipmi_sim as the BMC: sessions, sequence windows and AES are its own. `stock` is Debian's
// program with a chassis script (suite 3 only); `modules` adds ours (ipmi-sim/): suite 17, NMI, faults.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { isIPv6 } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const PROGRAM = '/usr/bin/ipmi_sim'
const SOURCES = join(import.meta.dirname, 'ipmi-sim')
const CACHE = join(import.meta.dirname, '..', '..', '.peers')
const GUID = 'a123456789abcdefa123456789abcdef'

/** The simulator does not hold users to a privilege limit, so there is only this one. */
export const ADMIN = { username: 'admin', password: 'palisade1' }

export interface IpmiSimOptions {
  kind: 'stock' | 'modules'
  /** 32 hex digits in the order of the wire. */
  guid?: string
  /** 127.0.0.1 unless told otherwise. */
  address?: string
  /** At most 16 printable characters: the simulator's configuration cuts what is longer. */
  kg?: string
}

export interface ChassisEvent {
  /** Epoch milliseconds with fraction, stamped by the simulator. */
  at: number
  /** `off`, `on`, `cycle`, `reset`, `diag`, `soft`, `status`, `refused` or `start`. */
  name: string
}

export interface Faults {
  /** Chassis Control is answered that late; the whole BMC stands still meanwhile. */
  delay_ms?: number
  /** Chassis Control is refused with this completion code. */
  cc?: number
  /** 1: Chassis Control says yes and changes no power. */
  stuck?: number
  status_cc?: number
  status_bytes?: number
  status_delay_ms?: number
}

/** Debian: openipmi, libopenipmi-dev, libssl-dev, gcc. */
export const ipmiSimInstalled = [PROGRAM, '/usr/include/OpenIPMI/serv.h'].every((path) =>
  existsSync(path),
)

/** Starts a simulator on a free port of its address; resolves once it answers. */
export async function startIpmiSim(options: IpmiSimOptions): Promise<IpmiSim> {
  const { kind, address = '127.0.0.1' } = options
  const directory = mkdtempSync(join(tmpdir(), 'palisade-ipmi-sim-'))
  const modules = kind === 'modules' ? await compiledModules() : undefined
  const port = await freePort(address)
  const lan = { address, port, directory, modules }
  writeFileSync(join(directory, 'lan.conf'), configuration(options, lan))
  writeFileSync(join(directory, 'power'), '1\n')
  const simulator = new IpmiSim(directory, { address, port }, kind)
  try {
    await simulator.start()
  } catch (error) {
    await simulator.remove()
    throw error
  }
  return simulator
}

export class IpmiSim {
  readonly address: string
  readonly directory: string
  readonly port: number
  readonly #kind: IpmiSimOptions['kind']
  #process: ChildProcess | undefined

  constructor(
    directory: string,
    { address, port }: { address: string; port: number },
    kind: IpmiSimOptions['kind'],
  ) {
    this.directory = directory
    this.address = address
    this.port = port
    this.#kind = kind
  }

  /** Starts the process, again after `kill`; it knows nothing of earlier sessions. */
  async start(): Promise<void> {
    const state = join(this.directory, 'state')
    // What an earlier run stored there would win over the configuration.
    rmSync(state, { recursive: true, force: true })
    mkdirSync(state)
    const files = ['-c', join(this.directory, 'lan.conf'), '-f', join(SOURCES, 'bmc.emu')]
    this.#process = spawn(PROGRAM, ['-n', ...files, '-s', state], { stdio: 'ignore' })
    for (let tries = 0; tries < 100; tries++) {
      if (await answers(this.address, this.port)) return
    }
    throw new Error(`ipmi_sim does not answer on port ${this.port}`)
  }

  /** Ends the process as a power cut would. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  /** The BMC stands still; what is sent meanwhile waits in its socket. */
  pause(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Ends the process and removes its files. */
  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Replaces all faults; only for `modules`. */
  setFaults(faults: Faults): void {
    const lines = Object.entries(faults).map(([key, value]) => `${key} ${value}\n`)
    writeFileSync(join(this.directory, 'fault'), lines.join(''))
  }

  events(): ChassisEvent[] {
    const file = join(this.directory, 'events.log')
    if (!existsSync(file)) return []
    const whole = readFileSync(file, 'utf8').split('\n').slice(0, -1)
    return whole.map((line) => this.#eventOf(line))
  }

  /** What was really done to the chassis, in order. */
  actions(): string[] {
    const looks = ['status', 'start', 'refused', 'get', 'check']
    return this.events().flatMap(({ name }) => (looks.includes(name) ? [] : [name]))
  }

  #eventOf(line: string): ChassisEvent {
    const [stamp = '', verb = '', property = '', value = ''] = line.split(' ')
    const at = Number(stamp) * 1000
    if (this.#kind === 'modules' || verb !== 'set') return { at, name: verb }
    if (property === 'power') return { at, name: value === '1' ? 'on' : 'off' }
    return { at, name: property === 'shutdown' ? 'soft' : property }
  }
}

function configuration(
  { kind, guid = GUID, kg }: IpmiSimOptions,
  lan: { address: string; port: number; directory: string; modules: string | undefined },
): string {
  const authentications = ['callback', 'user', 'operator', 'admin']
    .map((level) => `    allowed_auths_${level} none md2 md5 straight`)
    .join('\n')
  const { username, password } = ADMIN
  const user = `  user 2 true "${username}" "${password}" admin 10 none md2 md5 straight`
  const chassis =
    kind === 'stock'
      ? [`  chassis_control "${join(SOURCES, 'chassis.sh')} ${lan.directory}"`]
      : [
          `loadlib "${lan.modules}/palmod.so" "${lan.directory}"`,
          `loadlib "${lan.modules}/sha256.so" ""`,
        ]
  return [
    'name "bmc"',
    'set_working_mc 0x20',
    '  startlan 1',
    `    addr ${lan.address} ${lan.port}`,
    '    priv_limit admin',
    authentications,
    `    guid ${guid}`,
    ...(kg === undefined ? [] : [`    bmc_key "${kg}"`]),
    '  endlan',
    ...(kind === 'stock' ? [...chassis, user] : [user, ...chassis]),
    '',
  ].join('\n')
}

/** Compiles our modules where they have changed; kept for later runs under `.peers`. */
async function compiledModules(): Promise<string> {
  const names = ['palmod', 'sha256']
  const digest = createHash('sha256')
  for (const name of names) digest.update(readFileSync(join(SOURCES, `${name}.c`)))
  const kept = join(CACHE, `ipmi-sim-${digest.digest('hex').slice(0, 16)}`)
  if (existsSync(kept)) return kept
  mkdirSync(CACHE, { recursive: true })
  const fresh = mkdtempSync(join(CACHE, 'compiling-'))
  for (const name of names) {
    const flags = ['-Wall', '-Wextra', '-Wno-deprecated-declarations', '-shared', '-fPIC', '-O2']
    const files = ['-o', join(fresh, `${name}.so`), join(SOURCES, `${name}.c`)]
    await run('gcc', [...flags, ...files, '-lcrypto'])
  }
  try {
    renameSync(fresh, kept)
  } catch (error) {
    // Another test process was faster.
    rmSync(fresh, { recursive: true })
    if (!existsSync(kept)) throw error
  }
  return kept
}

async function freePort(address: string): Promise<number> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4').bind(0, address)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** One session-less question (spec protocols.md §1.2), and up to 50 ms for its answer. */
async function answers(address: string, port: number): Promise<boolean> {
  const question = Buffer.from('0600ff07000000000000000000092018c88100388e04b5', 'hex')
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  socket.on('error', () => {})
  const answered = once(socket, 'message').then(() => true)
  socket.send(question, port, address)
  const heard = await Promise.race([answered, sleep(50, false)])
  socket.close()
  return heard
}
