// Hears the stop notices of stock fence_kdump_send (spec protocols.md §4). They carry no name and no proof:
// whose they are is the owner's question, by core/stop-notice.ts.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Cancel, Clock } from '../../core/ports.ts'
import { canonicalAddress } from '../../core/stop-notice.ts'

export const STOP_NOTICE_PORT = 7410
const MAGIC = 0x1b30_2a40
const VERSION = 1
const LENGTH = 8
const REJECTED_EVERY_MS = 10_000
/** How often the process shows that it turns, and how late that may be before it counts as a standstill. */
const TURNS_EVERY_MS = 250
const STOOD_STILL_MS = 1000

export interface StopNotice {
  /** Source address; an IPv4 address is never spelt as a mapped IPv6 one. */
  address: string
  port: number
  /**
   * Monotonic ms at which it was read from the socket; after a standstill of this process the instant at which
   * the socket was last known to be empty, since it may have lain there all the while.
   */
  at: number
  /** Wall clock, RFC 3339. */
  wall: string
}

export interface Rejection {
  /** Datagrams dropped since the last call. */
  count: number
  /** Of the last one. */
  address: string
  reason: string
}

export interface StopNoticeListener {
  port: number
  close(): Promise<void>
}

export interface StopNoticeOptions {
  /** Local address; all of IPv4 and IPv6 when absent. */
  address?: string
  port?: number
  clock: Clock
  heard(notice: StopNotice): void
  /** Called for datagrams that are no stop notice, at most every 10 s. */
  rejected?(rejection: Rejection): void
}

/** Why these bytes are no stop notice; undefined when they are one, in either byte order. */
export function refuseStopNotice(bytes: Uint8Array): string | undefined {
  if (bytes.length !== LENGTH) return `${bytes.length} bytes, a stop notice has ${LENGTH}`
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH)
  const littleEndian = view.getUint32(0, true) === MAGIC
  if (!littleEndian && view.getUint32(0, false) !== MAGIC) return 'not the magic number'
  const version = view.getUint32(4, littleEndian)
  return version === VERSION ? undefined : `version ${version}, known is ${VERSION}`
}

/** Resolves once the port is open; rejects with the socket's error when it cannot be. */
export async function createStopNoticeListener(
  options: StopNoticeOptions,
): Promise<StopNoticeListener> {
  const { clock } = options
  const port = options.port ?? STOP_NOTICE_PORT
  const socket = await bindSocket(options.address, port)
  const reject = rejectionLimit(options)
  const drained = watchTurns(clock)
  socket.on('error', (error) => reject('', `socket error: ${error.message}`))
  socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
    const address = plainAddress(from.address)
    const refusal = refuseStopNotice(bytes)
    if (refusal !== undefined) reject(address, refusal)
    else options.heard({ address, port: from.port, at: drained.lastAt(), wall: clock.wall() })
  })
  return {
    port: socket.address().port,
    close: () => {
      drained.stop()
      return new Promise((resolve) => socket.close(() => resolve()))
    },
  }
}

/**
 * Tells since when a datagram that is read now may have been waiting: since now, or since the process stood
 * still. Doubt stays for one turn more, in which all that had gathered is read.
 */
function watchTurns(clock: Clock) {
  let turnedAt = clock.now()
  let doubtSince: number | undefined
  let cancel: Cancel = () => {}
  const turn = () => {
    const now = clock.now()
    doubtSince = now - turnedAt > STOOD_STILL_MS ? turnedAt : undefined
    turnedAt = now
    cancel = clock.after(TURNS_EVERY_MS, turn)
  }
  cancel = clock.after(TURNS_EVERY_MS, turn)
  return {
    lastAt: () => {
      const now = clock.now()
      return doubtSince ?? (now - turnedAt > STOOD_STILL_MS ? turnedAt : now)
    },
    stop: () => cancel(),
  }
}

/** Counts what is dropped and tells it at once the first time, then at most every 10 s. */
function rejectionLimit({ clock, rejected }: StopNoticeOptions) {
  let count = 0
  let toldAt: number | undefined
  return (address: string, reason: string) => {
    count++
    const now = clock.now()
    if (toldAt !== undefined && now - toldAt < REJECTED_EVERY_MS) return
    toldAt = now
    rejected?.({ count, address, reason })
    count = 0
  }
}

/** Without an address both IP versions are heard, IPv4 alone on a machine without IPv6. */
async function bindSocket(address: string | undefined, port: number): Promise<Socket> {
  if (address !== undefined) return openSocket(isIPv6(address) ? 'udp6' : 'udp4', port, address)
  try {
    return await openSocket('udp6', port, '::')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL' && code !== 'EINVAL') throw error
    return openSocket('udp4', port, '0.0.0.0')
  }
}

function openSocket(type: 'udp4' | 'udp6', port: number, address: string): Promise<Socket> {
  const socket = createSocket(type)
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close()
      reject(error)
    })
    socket.bind(port, address, () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

/** Only a mapped address changes its spelling: logs keep the short form of IPv6. */
function plainAddress(address: string): string {
  const canonical = canonicalAddress(address)
  return canonical.includes(':') ? address : canonical
}
