// Limits of credentials as they are typed, checked by the client before it seals them (spec domain.md §2).
// A fault names the rule that was broken and never the value.
import {
  ESXI_PASSWORD_MAX,
  IPMI_KG_BYTES,
  IPMI_PASSWORD_MAX,
  SNMP_COMMUNITY_MAX,
  SNMP_PASSWORD_MAX,
  SNMP_PASSWORD_MIN,
} from './limits/bounds.ts'
import type { Fault } from './limits/fault.ts'

export type SecretUse =
  | 'ipmi-password'
  | 'ipmi-kg'
  | 'snmp-community'
  | 'snmp-password'
  | 'esxi-password'

interface SecretRule {
  right: RegExp
  allowed: string
}

const RULES: Record<SecretUse, SecretRule> = {
  'ipmi-password': {
    right: printable(1, IPMI_PASSWORD_MAX),
    allowed: `1 to ${IPMI_PASSWORD_MAX} printable ASCII characters: IPMI 2.0 cuts a longer password off`,
  },
  'ipmi-kg': {
    right: new RegExp(`^([0-9A-Fa-f]{${IPMI_KG_BYTES * 2}}|[\\x20-\\x7e]{1,${IPMI_KG_BYTES}})$`),
    allowed:
      `${IPMI_KG_BYTES * 2} hexadecimal digits (${IPMI_KG_BYTES} bytes), ` +
      `or 1 to ${IPMI_KG_BYTES} printable ASCII characters`,
  },
  'snmp-community': {
    right: new RegExp(`^[A-Za-z0-9]{1,${SNMP_COMMUNITY_MAX}}$`),
    allowed: `1 to ${SNMP_COMMUNITY_MAX} letters and digits (A–Z a–z 0–9)`,
  },
  'snmp-password': {
    right: printable(SNMP_PASSWORD_MIN, SNMP_PASSWORD_MAX),
    allowed: `${SNMP_PASSWORD_MIN} to ${SNMP_PASSWORD_MAX} printable ASCII characters (RFC 3414)`,
  },
  'esxi-password': {
    right: printable(1, ESXI_PASSWORD_MAX),
    allowed: `1 to ${ESXI_PASSWORD_MAX} printable ASCII characters`,
  },
}

function printable(min: number, max: number): RegExp {
  return new RegExp(`^[\\x20-\\x7e]{${min},${max}}$`)
}

/** Undefined when the secret may be sealed; `pointer` is where it stands in the site document. */
export function checkSecret(use: SecretUse, value: string, pointer = ''): Fault | undefined {
  const { right, allowed } = RULES[use]
  if (right.test(value)) return undefined
  const field = pointer.split('/').at(-1) || use
  // The number of characters is told: it is what people get wrong, and it narrows little.
  const detail = `the ${use} has ${value.length} characters or some that are not allowed; it must be ${allowed}`
  return { pointer, field, allowed, detail }
}

/** The bytes of a Kg that `checkSecret` let through: hexadecimal digits by their number, else ASCII. */
export function kgBytes(kg: string): Uint8Array {
  if (kg.length !== IPMI_KG_BYTES * 2) return Uint8Array.from(kg, (char) => char.charCodeAt(0))
  return Uint8Array.from({ length: IPMI_KG_BYTES }, (_, index) =>
    Number.parseInt(kg.slice(index * 2, index * 2 + 2), 16),
  )
}
