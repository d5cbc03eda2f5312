// A sign of life without a session, on a socket of its own: whatever arrives there was asked by this probe.
import type { Cancel, Clock, Random } from '../../../core/ports.ts'
import { getChannelAuthenticationCapabilities } from './get-channel-authentication-capabilities.ts'
import { decodeResponse, encodeRequest } from './message.ts'
import { unwrapV15, unwrapV20, wrapV15 } from './rmcp.ts'
import type { OpenUdp, Udp } from './udp.ts'

const RESEND_MS = 250
const RQ_SEQS = 64

export interface ProbeOptions {
  address: string
  port: number
  clock: Clock
  random: Random
  openUdp: OpenUdp
}

/** Calls `ended` once: true when anything well-formed answered in time. Returns a way to stop it early. */
export function probe(
  options: ProbeOptions,
  timeoutMs: number,
  ended: (answered: boolean) => void,
): Cancel {
  const { clock } = options
  const firstRqSeq = Math.floor(options.random.fraction() * RQ_SEQS)
  let asked = 0
  let udp: Udp | undefined
  let cancelResend: Cancel = () => {}
  let over = false

  const end = (answered: boolean) => {
    if (over) return
    over = true
    cancelDeadline()
    cancelResend()
    udp?.close()
    ended(answered)
  }
  const cancelDeadline = clock.after(timeoutMs, () => end(false))
  const ask = () => {
    udp?.send(presenceQuestion((firstRqSeq + asked++) % RQ_SEQS))
    cancelResend = clock.after(RESEND_MS, ask)
  }
  const isAsked = (rqSeq: number) => (rqSeq - firstRqSeq + RQ_SEQS) % RQ_SEQS < asked
  udp = options.openUdp(options.address, options.port, {
    opened: ask,
    received: (datagram) => {
      if (isAnswer(datagram, isAsked)) end(true)
    },
    // An ICMP error comes from a router or an operating system, and says nothing of the BMC.
    troubled: () => {},
    closed: () => cancelResend(),
  })
  return () => end(false)
}

/** Get Channel Authentication Capabilities, which any BMC answers without a session. */
export function presenceQuestion(rqSeq: number): Uint8Array {
  const { netFn, code, encode } = getChannelAuthenticationCapabilities
  return wrapV15(encodeRequest({ netFn, code, rqSeq, body: encode() }))
}

/** The answer to one of our questions, or a well-formed packet of the newer envelope. */
function isAnswer(datagram: Uint8Array, isAsked: (rqSeq: number) => boolean): boolean {
  const message = unwrapV15(datagram)
  if (!message) return unwrapV20(datagram) !== undefined
  const response = decodeResponse(message)
  return response !== undefined && isAsked(response.rqSeq)
}
