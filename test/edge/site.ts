// A small site as a client would apply it: two physical servers that take over from each other.
const SEALED = ['header', 'key', 'vector', 'secret', 'tag']
  .map((part) => Buffer.from(part.padEnd(6, '.')).toString('base64url'))
  .join('.')

export const sealed = { sealed: SEALED }

export function siteFile(name = 'lab') {
  const bmc = (last: number) => ({
    protocol: 'ipmi',
    address: `192.168.1.${last}`,
    username: 'admin',
    password: sealed,
  })
  return {
    apiVersion: 'palisade/v1',
    kind: 'Site',
    metadata: { name },
    spec: {
      hardResetAfterMs: 2500,
      managementServers: [{ name: 'HACON1' }],
      pdus: [
        {
          name: 'pdu-a',
          address: '192.168.1.101',
          model: 'ibm-ipdu',
          snmp: { version: '2c', community: sealed },
        },
      ],
      servers: [
        {
          name: 'PSERVER1',
          bmc: bmc(51),
          pairGuard: true,
          pduControl: true,
          hardResetTimeoutS: 5,
          pduRecoveryWaitS: 10,
          feeds: [{ pdu: 'pdu-a', outlet: 3 }],
        },
        { name: 'PSERVER2', bmc: bmc(52), pairGuard: true },
        { name: 'PSERVER3', bmc: bmc(53) },
      ],
      clusters: [
        {
          name: 'db',
          systems: [
            {
              number: 10001,
              name: 'db-a',
              server: 'PSERVER1',
              address: '192.168.0.101',
              port: 6001,
            },
            {
              number: 10002,
              name: 'db-b',
              server: 'PSERVER2',
              address: '192.168.0.102',
              port: 6001,
            },
          ],
        },
        {
          name: 'app',
          systems: [
            {
              number: 10001,
              name: 'app-a',
              server: 'PSERVER3',
              address: '192.168.0.103',
              port: 6002,
            },
          ],
        },
      ],
    },
  }
}
