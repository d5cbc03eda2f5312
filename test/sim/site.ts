// The site document of a world, sealed, validated and signed as a control plane would hand it out.
import { validateSite } from '../../core/limits.ts'
import type { SiteDocument } from '../../core/site.ts'
import { signSite } from '../../protocol/chain.ts'
import { SEAL_PURPOSE } from '../../protocol/credential.ts'
import { sealSecret } from '../../protocol/seal.ts'
import { STATION } from './draw-faults.ts'
import type { Keys } from './keys.ts'
import type { Scenario, ServerPlan } from './scenario.ts'
import { SITE } from './settings.ts'

const SECRET = 'simulated-secret'

export async function signSiteOf(
  { clusters }: Scenario,
  { site: { sealing }, controlPlane }: Keys,
): Promise<{ token: string; document: SiteDocument; revision: number }> {
  const sealed = async (purpose: string) => ({
    sealed: await sealSecret(SECRET, { site: SITE, purpose }, sealing),
  })
  const password = await sealed(SEAL_PURPOSE.bmcPassword)
  const community = await sealed(SEAL_PURPOSE.snmpCommunity)
  const servers = clusters.flatMap(({ members }) => members)
  const pdus = [...new Set(servers.flatMap(({ traits }) => traits.feeds.map(({ pdu }) => pdu)))]
  const checked = validateSite({
    apiVersion: 'palisade/v1',
    kind: 'Site',
    metadata: { name: SITE },
    spec: {
      hardResetAfterMs: 'off',
      managementServers: [{ name: STATION }],
      pdus: pdus.sort().map((name, index) => ({
        name,
        address: `198.51.100.${index + 1}`,
        model: 'ibm-ipdu',
        snmp: { version: '2c', community },
      })),
      servers: servers.map((server) => serverEntry(server, password)),
      clusters: clusters.map(({ name, requireGrade, members }) => ({
        name,
        requireGrade,
        systems: members.map(({ traits, number }) => ({
          number,
          name: `on-${traits.name}`,
          server: traits.name,
          address: traits.address,
          port: 6001,
        })),
      })),
    },
  })
  if ('faults' in checked) throw new Error(JSON.stringify(checked.faults, null, 1))
  const revision = 1
  const signed = { v: 1, site: SITE, revision, document: checked.site } as const
  return { token: await signSite(signed, controlPlane.signing), document: checked.site, revision }
}

function serverEntry(server: ServerPlan, password: { sealed: string }) {
  const { traits, softMethod, hardMethod, hardResetAfterMs, pairGuard, pduControl, holdUpMs } =
    server
  const { hardResetTimeoutS, pduRecoveryWaitS } = server
  return {
    name: traits.name,
    bmc: {
      protocol: 'ipmi',
      address: `203.0.113.${server.number}`,
      username: 'palisade',
      password,
    },
    softMethod,
    hardMethod,
    hardResetAfterMs,
    pairGuard,
    holdUpMs,
    feeds: traits.feeds,
    ...(pduControl ? { pduControl, hardResetTimeoutS, pduRecoveryWaitS } : {}),
  }
}
