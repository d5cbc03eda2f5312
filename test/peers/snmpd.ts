// Debian's snmpd as the SNMP agent of a switched PDU: the protocol, its security and its errors are
// net-snmp's, only the outlets behind it are ours (snmpd/pdu.py).
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Family } from './snmpd/families.ts'
import { servedPdu } from './snmpd/objects.ts'

const run = promisify(execFile)
const PROGRAM = join(import.meta.dirname, 'snmpd', 'pdu.py')

export type { Family } from './snmpd/families.ts'

/** What every PDU tells about itself. */
export const SYS_DESCR_TEXT = 'Simulated PDU'
export const COMMUNITY = 'private'
/** SNMPv3 users, by what they use. */
export const USERS = {
  md5des: { user: 'palmd5', auth: 'authpass123', priv: 'privpass123' },
  /** Signed, not sealed. */
  sha: { user: 'palauth', auth: 'authpass123' },
  sha256aes: { user: 'palisade', auth: 'authpass123', priv: 'privpass123' },
  sha512aes: { user: 'palisade512', auth: 'authpass512', priv: 'privpass512' },
}

export class SnmpdPeer {
  readonly port: number
  readonly directory: string
  readonly address: string
  #process: ChildProcess | undefined

  constructor(port: number, directory: string, address: string) {
    this.port = port
    this.directory = directory
    this.address = address
  }

  /** Resolves once the agent answers. */
  async start(): Promise<void> {
    const log = join(this.directory, 'snmpd.log')
    this.#process = spawn(
      '/usr/sbin/snmpd',
      ['-f', '-C', '-c', join(this.directory, 'snmpd.conf'), '-Lf', log, '-I', '-smux', '-m', ''],
      { stdio: 'ignore', env: { SNMP_PERSISTENT_DIR: join(this.directory, 'var'), MIBS: '' } },
    )
    for (let tries = 0; tries < 50; tries++) {
      if (await this.#answers()) return
    }
    throw new Error(`snmpd does not answer:\n${readFileSync(log, 'utf8')}`)
  }

  async #answers(): Promise<boolean> {
    const args = ['-v2c', '-c', COMMUNITY, '-m', '', '-t', '0.2', '-r', '0', '-On']
    const target = `${this.address}:${this.port}`
    return run('/usr/bin/snmpget', [...args, target, '.1.3.6.1.2.1.1.2.0']).then(
      () => true,
      () => new Promise<boolean>((resolve) => setTimeout(resolve, 50, false)),
    )
  }

  /** Stops or continues the process, as a hung PDU does. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(name)
  }

  async stop(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null) return
    child.kill('SIGCONT')
    child.kill('SIGTERM')
    await once(child, 'exit')
  }

  /** Sets a fault of pdu.py. */
  setFault(name: string, value = ''): void {
    writeFileSync(join(this.directory, name), value)
  }

  clearFault(name: string): void {
    rmSync(join(this.directory, name), { force: true })
  }

  /** What the PDU saw, e.g. `set .1.3… integer 2` or `relay 3 off`, with the wall clock in seconds. */
  events(): { at: number; what: string }[] {
    const lines = readFileSync(join(this.directory, 'events.log'), 'utf8').split('\n')
    return lines.filter(Boolean).map((line) => {
      const space = line.indexOf(' ')
      return { at: Number(line.slice(0, space)), what: line.slice(space + 1) }
    })
  }

  sets(): string[] {
    return this.events().flatMap(({ what }) => (what.startsWith('set ') ? [what] : []))
  }

  async close(): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Starts an snmpd for a PDU of this family on a free port of a loopback address. */
export async function startSnmpd(
  family: Family,
  outlets = 8,
  address = '127.0.0.1',
): Promise<SnmpdPeer> {
  const directory = mkdtempSync(join(tmpdir(), 'palisade-snmpd-'))
  mkdirSync(join(directory, 'var'), { mode: 0o700 })
  const port = await freeUdpPort(address)
  const pdu = servedPdu(family, outlets)
  writeFileSync(join(directory, 'pdu.json'), JSON.stringify(pdu))
  writeFileSync(join(directory, 'events.log'), '')
  const users = [
    `createUser ${USERS.sha256aes.user} SHA-256 "${USERS.sha256aes.auth}" AES "${USERS.sha256aes.priv}"`,
    `createUser ${USERS.sha512aes.user} SHA-512 "${USERS.sha512aes.auth}" AES "${USERS.sha512aes.priv}"`,
    `createUser ${USERS.md5des.user} MD5 "${USERS.md5des.auth}" DES "${USERS.md5des.priv}"`,
    `createUser ${USERS.sha.user} SHA "${USERS.sha.auth}"`,
  ]
  const lines = [
    `agentaddress udp:${address}:${port}`,
    `rwcommunity ${COMMUNITY} 127.0.0.0/8`,
    ...users,
    `rwuser ${USERS.sha256aes.user} priv`,
    `rwuser ${USERS.sha512aes.user} priv`,
    `rwuser ${USERS.md5des.user} priv`,
    `rwuser ${USERS.sha.user} auth`,
    `sysobjectid ${pdu.sysObjectId}`,
    `sysdescr ${SYS_DESCR_TEXT}`,
    `pass_persist ${pdu.root} ${PROGRAM} ${directory}`,
  ]
  writeFileSync(join(directory, 'snmpd.conf'), `${lines.join('\n')}\n`, { mode: 0o600 })
  const peer = new SnmpdPeer(port, directory, address)
  await peer.start()
  return peer
}

async function freeUdpPort(address: string): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, address)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}
