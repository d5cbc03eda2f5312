import { encodeBase64Url } from 'hono/utils/encode'

/** Without padding, as tokens and nonces are written. */
export function toBase64Url(bytes: Uint8Array): string {
  return encodeBase64Url(bytes.slice().buffer).replaceAll('=', '')
}
