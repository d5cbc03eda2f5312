// RMCP+ status codes of the handshake (spec protocols.md §1.4), and what each calls for.

const TEXTS: Record<number, string> = {
  1: 'no resources for a session',
  2: 'session id unknown',
  3: 'payload type invalid',
  4: 'authentication algorithm not offered',
  5: 'integrity algorithm not offered',
  6: 'no matching authentication payload',
  7: 'no matching integrity payload',
  8: 'session inactive',
  9: 'role invalid',
  10: 'role not allowed for this user',
  11: 'no resources for this role',
  12: 'user name length not accepted',
  13: 'user name unknown',
  14: 'GUID not accepted',
  15: 'proof of the password not accepted',
  16: 'confidentiality algorithm not offered',
  17: 'no matching cipher suite',
  18: 'parameter illegal',
}

/** For a person: `0Dh user name unknown`. */
export function describeStatus(status: number): string {
  const text = TEXTS[status] ?? 'status without a known meaning'
  return `${status.toString(16).toUpperCase().padStart(2, '0')}h ${text}`
}

/** All session slots are taken: passing. */
export function isExhaustion(status: number): boolean {
  return status === 0x01 || status === 0x0b
}

/** The privilege asked for is not to be had: another one may be. */
export function isRoleRefusal(status: number): boolean {
  return status === 0x09 || status === 0x0a
}

/** The BMC has forgotten the attempt, or finished it although we have not heard so. */
export function isStale(status: number): boolean {
  return status === 0x02 || status === 0x08
}

/** User or password are not accepted: trying again only leads to a lockout (spec rules.md R18). */
export function isCredentialRefusal(status: number): boolean {
  return status >= 0x0c && status <= 0x0f
}
