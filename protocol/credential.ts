// What a sealed credential may be for. A value sealed for one purpose opens for no other.

export const SEAL_PURPOSE = {
  bmcPassword: 'bmc-password',
  bmcKg: 'bmc-kg',
  snmpCommunity: 'snmp-community',
  snmpAuth: 'snmp-auth',
  snmpPriv: 'snmp-priv',
  hypervisorPassword: 'hypervisor-password',
} as const
