// Signed claims in general: compact JWS, EdDSA only, one `typ` per meaning. The `kid` chooses among the
// keys that the caller pinned and can never bring one along.
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose'
import { isCompact } from './base64url.ts'
import type { SigningKey, VerifyingKey } from './keys.ts'

/** Longest token that is looked at; a signed site document of 1,000 servers fits. */
export const TOKEN_MAX = 4_194_304

export type Refusal =
  | 'malformed'
  | 'bad-signature'
  | 'wrong-type'
  | 'wrong-audience'
  | 'expired'
  | 'unsupported-version'

export interface Refused {
  refused: Refusal
  /** Why, for a person. Holds nothing of the token but its key's name and type. */
  detail: string
}

export interface Expected {
  type: string
  keys: readonly VerifyingKey[]
  audience?: string
  /** Epoch ms by which `exp` and `nbf` are judged; 0 for tokens that carry no time. */
  nowMs: number
  tokenMax?: number
}

export function signClaims(type: string, claims: object, key: SigningKey): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'EdDSA', typ: type, kid: key.kid })
    .sign(key.key)
}

/** Checks everything but the meaning of the claims. Hostile input is refused, never thrown at the caller. */
export async function verifyClaims(
  token: unknown,
  expected: Expected,
): Promise<{ claims: unknown; kid: string } | Refused> {
  const tokenMax = expected.tokenMax ?? TOKEN_MAX
  if (typeof token !== 'string') return refuse('malformed', 'token is not text')
  if (token.length > tokenMax) {
    return refuse('malformed', `token has ${token.length} characters, at most ${tokenMax}`)
  }
  if (!isCompact(token, 3)) return refuse('malformed', 'token is not a compact JWS')
  const key = chooseKey(token, expected.keys)
  if ('refused' in key) return key
  try {
    const { payload } = await jwtVerify(token, key.key, {
      algorithms: ['EdDSA'],
      typ: expected.type,
      currentDate: new Date(expected.nowMs),
      ...(expected.audience === undefined ? {} : { audience: expected.audience }),
    })
    return { claims: payload, kid: key.kid }
  } catch (error) {
    return refusalOf(error, expected)
  }
}

function chooseKey(token: string, keys: readonly VerifyingKey[]): VerifyingKey | Refused {
  let kid: unknown
  try {
    kid = decodeProtectedHeader(token).kid
  } catch {
    return refuse('malformed', 'token is not a compact JWS')
  }
  const key = keys.find((candidate) => candidate.kid === kid)
  if (key !== undefined) return key
  const named = typeof kid === 'string' ? `key ${printable(kid)}` : 'a key without name'
  return refuse('bad-signature', `signed by ${named}, which is not pinned here`)
}

function refusalOf(error: unknown, expected: Expected): Refused {
  if (error instanceof errors.JWTExpired) return refuse('expired', 'token has expired')
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'typ') return refuse('wrong-type', `typ must be ${expected.type}`)
    if (error.claim === 'aud') {
      return refuse('wrong-audience', `aud must be ${expected.audience ?? 'absent'}`)
    }
    return refuse('malformed', `claim ${printable(error.claim)} is not valid`)
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return refuse('bad-signature', 'signature does not match')
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return refuse('bad-signature', 'algorithm must be EdDSA')
  }
  return refuse('malformed', 'token is not a well-formed JWS with JSON claims')
}

export function refuse(refused: Refusal, detail: string): Refused {
  return { refused, detail }
}

/** Bounded, and free of control characters: what strangers name may stand in a log. */
export function printable(text: string): string {
  return text.slice(0, 60).replace(/[^\x20-\x7e]/g, '?')
}
