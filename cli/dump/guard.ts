// What every text goes through before it enters an archive: known secrets in any usual spelling, then whatever
// looks like one, plain or encoded.
import { MASK, maskSecrets } from '../../core/secret-mask.ts'
import type { Part } from './part.ts'

/** Shorter ones would be found everywhere by chance. */
const KNOWN_MIN = 6
/** Long enough for the shortest token in base64. */
const ENCODED_RUN = /[A-Za-z0-9+/_-]{16,}={0,2}/g
const HEX_RUN = /^(?:[0-9a-f]{2})+$/i
/** What a decoded run must contain to be looked at more closely. */
const WORTH_A_LOOK =
  /pal_|ple_|whsec_|PRIVATE KEY|MC4CAQAw|"[dk]"|passw|pwd|secret|community|token|:\/\/|Bearer |Basic /i

export type Guard = (part: Part) => { text: string; masked: number }

/** `known` are secrets at hand, such as the token that this command itself uses. */
export function makeGuard(known: readonly string[]): Guard {
  const spellings = [...new Set(known.filter(({ length }) => length >= KNOWN_MIN).flatMap(spelt))]
    .filter(({ length }) => length >= KNOWN_MIN)
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
  const pattern = spellings.length === 0 ? undefined : new RegExp(spellings.join('|'), 'g')
  return ({ text, signed = false }) => {
    let masked = 0
    const replaced = () => {
      masked += 1
      return MASK
    }
    const unknown = pattern === undefined ? text : text.replace(pattern, replaced)
    const decoded = unknown.replace(ENCODED_RUN, (run) => (hidesSecret(run) ? replaced() : run))
    const left = maskSecrets(decoded, { keepSignatures: signed })
    return { text: left.text, masked: masked + left.masked }
  }
}

/** A secret as it may stand in a text: plain, escaped, in hex, and in base64 wherever in it it begins. */
function spelt(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const inBase64 = [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64url')
    // Characters that are made of neighbours' bits too are left out.
    const core = text.slice(
      Math.ceil((before * 8) / 6),
      Math.floor(((before + bytes.length) * 8) / 6),
    )
    return [core, core.replaceAll('-', '+').replaceAll('_', '/')]
  })
  const hex = bytes.toString('hex')
  const escaped = JSON.stringify(secret).slice(1, -1)
  return [secret, escaped, encodeURIComponent(secret), hex, hex.toUpperCase(), ...inBase64]
}

function hidesSecret(run: string): boolean {
  if (HEX_RUN.test(run) && isSecret(Buffer.from(run, 'hex').toString('latin1'))) return true
  // Text may stand right before what was encoded, so that it begins at any place of a group of four.
  return [0, 1, 2, 3].some((skipped) =>
    isSecret(Buffer.from(run.slice(skipped), 'base64').toString('latin1')),
  )
}

function isSecret(text: string): boolean {
  return WORTH_A_LOOK.test(text) && maskSecrets(text).masked > 0
}
