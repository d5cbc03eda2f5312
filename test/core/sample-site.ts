// A site of two servers, two PDUs, one pair and one virtual server, in raw form as a client would send it.

export const SEALED = { sealed: 'eyJh.a2V5.aXY.Ym9keQ.dGFn' }

export function rawBmc(address: string) {
  return { protocol: 'ipmi', address, username: 'operator', password: SEALED }
}

export function rawServer(name: string, index: number) {
  return {
    name,
    bmc: rawBmc(`192.168.1.${50 + index}`),
    pairGuard: true,
    pduControl: true,
    hardResetTimeoutS: 5,
    pduRecoveryWaitS: 10,
    feeds: [
      { pdu: 'pdu-a', outlet: index + 2 },
      { pdu: 'pdu-b', outlet: index + 2 },
    ],
  }
}

function rawPdu(name: string, address: string) {
  return { name, address, model: 'ibm-ipdu', snmp: { version: '2c', community: SEALED } }
}

export function rawSite() {
  return {
    apiVersion: 'palisade/v1',
    kind: 'Site',
    metadata: { name: 'tokyo1' },
    spec: {
      hardResetAfterMs: 2500,
      resetPath: { port: 5001 },
      managementServers: [
        {
          name: 'HACON1',
          peer: { address: '192.168.2.1', port: 5002 },
          bmc: rawBmc('192.168.1.11'),
          pduControl: true,
          hardResetTimeoutS: 5,
          feeds: [
            { pdu: 'pdu-a', outlet: 1 },
            { pdu: 'pdu-b', outlet: 1 },
          ],
        },
        {
          name: 'HACON2',
          peer: { address: '192.168.2.2', port: 5002 },
          bmc: rawBmc('192.168.1.12'),
        },
      ],
      pdus: [rawPdu('pdu-a', '192.168.1.101'), rawPdu('pdu-b', '192.168.1.102')],
      servers: [
        rawServer('PSERVER1', 1),
        rawServer('PSERVER2', 2),
        {
          name: 'PSERVER3',
          bmc: rawBmc('192.168.1.53'),
          hypervisor: {
            type: 'esxi',
            address: '192.168.0.53',
            username: 'root',
            password: SEALED,
            guestReset: true,
          },
        },
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
              number: 10011,
              name: 'v_system01',
              server: 'PSERVER3',
              guest: 'v_system01',
              address: '192.168.0.111',
              port: 6002,
            },
          ],
        },
      ],
    },
  }
}

/** A copy with the value at this pointer replaced, or taken out when it is undefined. */
export function withValue(document: unknown, pointer: string, value: unknown): unknown {
  const copy = structuredClone(document)
  const path = pointer.split('/').slice(1)
  const last = path.pop() ?? ''
  const parent = path.reduce<unknown>((place, key) => Reflect.get(Object(place), key), copy)
  if (value === undefined && Array.isArray(parent)) parent.splice(Number(last), 1)
  else if (value === undefined) Reflect.deleteProperty(Object(parent), last)
  else Reflect.set(Object(parent), last, value)
  return copy
}
