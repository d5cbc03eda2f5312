// Why a WebSocket could not be opened: undici tells its event only that it failed, and the reason (refused,
// unknown name, untrusted certificate) on a diagnostics channel.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { printable } from '../protocol/jws.ts'

const CHANNEL = 'undici:client:connectError'

export interface ConnectFaults {
  /** The newest since it was last taken; empty for none. */
  take(): string
  stop(): void
}

export function watchConnectFaults(url: string): ConnectFaults {
  const { host } = new URL(url)
  let newest = ''
  const listen = (message: unknown) => {
    if (isConnectError(message) && message.connectParams.host === host) {
      newest = wordsOf(message.error)
    }
  }
  subscribe(CHANNEL, listen)
  return {
    take() {
      const taken = newest
      newest = ''
      return taken
    },
    stop: () => unsubscribe(CHANNEL, listen),
  }
}

interface ConnectError {
  error: Error
  connectParams: { host: string }
}

function isConnectError(message: unknown): message is ConnectError {
  if (typeof message !== 'object' || message === null) return false
  if (!('error' in message) || !('connectParams' in message)) return false
  const { error, connectParams } = message
  if (!(error instanceof Error) || typeof connectParams !== 'object') return false
  return connectParams !== null && 'host' in connectParams
}

function wordsOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : printable(error.message)
}
