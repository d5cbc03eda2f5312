// The software that Palisade did not write and is judged by: Debian packages, installed when missing.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

interface Peer {
  name: string
  /** Present when this file is. */
  file: string
  packages: string[]
}

export const PEERS: readonly Peer[] = [
  { name: 'ipmi_sim', file: '/usr/bin/ipmi_sim', packages: ['openipmi'] },
  { name: 'OpenIPMI headers', file: '/usr/include/OpenIPMI/serv.h', packages: ['libopenipmi-dev'] },
  { name: 'C compiler', file: '/usr/bin/gcc', packages: ['gcc', 'libc6-dev', 'libssl-dev'] },
  { name: 'OpenSSL headers', file: '/usr/include/openssl/hmac.h', packages: ['libssl-dev'] },
  { name: 'ipmitool', file: '/usr/bin/ipmitool', packages: ['ipmitool'] },
  { name: 'ipmipower', file: '/usr/sbin/ipmipower', packages: ['freeipmi-tools'] },
  { name: 'snmpd', file: '/usr/sbin/snmpd', packages: ['snmpd'] },
  { name: 'snmpget', file: '/usr/bin/snmpget', packages: ['snmp'] },
  { name: 'python3', file: '/usr/bin/python3', packages: ['python3'] },
  {
    name: 'fence_kdump_send',
    file: '/usr/libexec/fence-agents/fence_kdump_send',
    packages: ['fence-agents'],
  },
  { name: 'QEMU', file: '/usr/bin/qemu-system-x86_64', packages: ['qemu-system-x86'] },
  { name: 'busybox', file: '/bin/busybox', packages: ['busybox-static'] },
  { name: 'kexec', file: '/sbin/kexec', packages: ['kexec-tools'] },
  { name: 'cpio', file: '/bin/cpio', packages: ['cpio'] },
  { name: 'lz4', file: '/usr/bin/lz4', packages: ['lz4'] },
  { name: 'setpriv', file: '/usr/bin/setpriv', packages: ['util-linux'] },
  { name: 'ip', file: '/sbin/ip', packages: ['iproute2'] },
  { name: 'Postgres 15', file: '/usr/lib/postgresql/15/bin/initdb', packages: ['postgresql-15'] },
  { name: 'runuser', file: '/usr/sbin/runuser', packages: ['util-linux'] },
]

/** Installs what is missing where it can. With `required`, a peer that stays missing ends the run. */
export function installPeers(required: boolean): void {
  const absent = install(PEERS)
  for (const { name, packages: needed } of absent) {
    console.error(`[peers] ${name} is missing (Debian: ${needed.join(' ')}); its tests are skipped`)
  }
  if (required && absent.length > 0) process.exit(1)
}

/** Installs these where it can; whoever needs them says what it lacks. */
export function installMissing(names: readonly string[]): void {
  install(PEERS.filter(({ name }) => names.includes(name)))
}

/** Returns those that stay missing. */
function install(peers: readonly Peer[]): Peer[] {
  const missing = peers.filter(({ file }) => !existsSync(file))
  if (missing.length === 0) return []
  const packages = [...new Set(missing.flatMap((peer) => peer.packages))]
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.error(`[peers] installing ${packages.join(' ')}`)
    apt(['update', '-qq'])
    apt(['install', '-y', '-qq', '--no-install-recommends', ...packages])
  }
  return missing.filter(({ file }) => !existsSync(file))
}

function apt(command: string[]): void {
  spawnSync('apt-get', command, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}
