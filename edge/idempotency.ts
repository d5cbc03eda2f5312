// The Idempotency-Key of a request (draft-ietf-httpapi-idempotency-key-header-07).
import { z } from '@hono/zod-openapi'
import { hashRecord } from '../protocol/chain.ts'
import { ApiError } from './errors.ts'

/** How long after its end a request is still answered by its key (spec api.md, `POST /v1/resets`). */
export const KEY_LIFE_AFTER_END_MS = 600_000

export const idempotencyHeader = z.object({
  'idempotency-key': z.string().optional().openapi({
    description: 'Required. 1 to 255 printable characters, quoted or not.',
    example: '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
  }),
})

/** The key itself; the standard form is quoted, a bare one is taken too. */
export function readIdempotencyKey(header: string | undefined): string {
  const key = header === undefined ? '' : (/^"(.*)"$/.exec(header.trim())?.[1] ?? header.trim())
  if (/^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(key)) return key
  throw new ApiError(
    'idempotency-key-missing',
    'the header Idempotency-Key with 1 to 255 printable ASCII characters is required',
  )
}

/**
 * By which a second request with the same key is recognised as the same.
 *
 * @throws ApiError when the body holds half a surrogate pair, which can neither be hashed nor signed.
 */
export function hashBody(body: object): string {
  try {
    return hashRecord(body)
  } catch (cause) {
    throw new ApiError('invalid-request', 'text in the body must be well-formed Unicode', { cause })
  }
}

/**
 * Whether a request that ended answers its key still.
 *
 * @throws ApiError when another request used the key, or too long ago.
 */
export function judgeReplay(
  known: { bodyHash: string | null; endKnownAtMs: number | null },
  asked: { bodyHash: string; nowMs: number },
): void {
  if (known.bodyHash !== null && known.bodyHash !== asked.bodyHash) {
    throw new ApiError('idempotency-key-reused', 'this key was used with another request')
  }
  const { endKnownAtMs } = known
  if (endKnownAtMs !== null && asked.nowMs - endKnownAtMs >= KEY_LIFE_AFTER_END_MS) {
    throw new ApiError(
      'key-expired',
      'the request of this key ended more than ten minutes ago; a new request needs a new key',
    )
  }
}
