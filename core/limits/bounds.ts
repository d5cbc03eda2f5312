// The figures of spec domain.md §2. Where an older limit and ours differ, the one that counts is here.

import { OUTLETS_AT_MOST } from '../pdu-model.ts'

export interface Range {
  min: number
  max: number
  /** Values lie this far apart, counted from `min`. */
  step?: number
}

export const NAME_CHARACTERS_MAX = 31

export const MANAGEMENT_SERVERS_MAX = 2
export const SERVERS_MAX = 1000
export const SYSTEMS_MAX = 4000
export const PDUS_MAX = 132
export const SERVER_FEEDS_MAX = 4
export const MANAGEMENT_SERVER_FEEDS_MAX = 2
/** Guests of one host that carry a system. */
export const HYPERVISOR_GUESTS_MAX = 16
/** Guests that run on one host, with or without a system; more is a warning of the agent that sees them. */
export const HYPERVISOR_RUNNING_GUESTS_MAX = 33

export const SYSTEM_NUMBER: Range = { min: 1, max: 2_147_483_647 }
export const OUTLET_NUMBER: Range = { min: 1, max: OUTLETS_AT_MOST }
/** A number with which a device tells its units or branches apart. */
export const PDU_PLACE: Range = { min: 1, max: 255 }
export const OUTLET_NAME_CHARACTERS_MAX = 64
export const INTEGER32: Range = { min: -2_147_483_648, max: 2_147_483_647 }
/** RFC 2578 §3.5. */
export const OID_ARCS_MAX = 128
export const OID_CHARACTERS_MAX = 512
/** Values of one status that mean the same. */
export const PDU_VALUES_MAX = 16
export const ANY_PORT: Range = { min: 1, max: 65_535 }
/** Ports of our own: reset path and peer link. */
export const OWN_PORT: Range = { min: 5001, max: 65_535 }

export const HARD_RESET_AFTER_MS: Range = { min: 1000, max: 5000, step: 100 }
/** What `off` means: the longest the hard step may be put off. */
export const HARD_RESET_AFTER_OFF_MS = 5000
export const GUEST_HARD_RESET_AFTER_MS: Range = { min: 1000, max: 60_000 }
export const GUEST_HARD_RESET_AFTER_DEFAULT_MS = 5000
export const HARD_RESET_TIMEOUT_S: Range = { min: 5, max: 60 }
/** 0 is allowed as well: never by itself. */
export const PDU_RECOVERY_WAIT_S: Range = { min: 5, max: 60 }
export const HOLD_UP_MS: Range = { min: 0, max: 10_000 }
export const HOLD_UP_DEFAULT_MS = 1000

export const BMC_PORT_DEFAULT = 623
export const SNMP_PORT_DEFAULT = 161
export const ESXI_PORT_DEFAULT = 22

export const IPMI_ACCOUNT_MAX = 16
/** The protocol cuts a longer one off (spec protocols.md §1.4), so it is refused here. */
export const IPMI_PASSWORD_MAX = 20
export const IPMI_KG_BYTES = 20
export const ESXI_ACCOUNT_MAX = 39
export const ESXI_PASSWORD_MAX = 128
export const SNMP_COMMUNITY_MAX = 30
export const SNMP_USER_MAX = 32
/** RFC 3414 §11.2 asks for at least eight characters. */
export const SNMP_PASSWORD_MIN = 8
export const SNMP_PASSWORD_MAX = 128

/** A sealed credential is short; what is longer is something else. */
export const SEALED_CHARACTERS_MAX = 4096
/** Faults told at once; a hostile document must not make a report without end. */
export const FAULTS_MAX = 200
