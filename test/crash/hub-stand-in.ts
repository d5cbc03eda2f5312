// What the control plane would say to one agent: it seals and signs a site of lab machines, and orders.
import { validateSite } from '../../core/limits.ts'
import type { OperationKind } from '../../core/operation.ts'
import type { ResetMode } from '../../core/plan.ts'
import { plannedFeeds, planReset, resolveTarget } from '../../core/planner.ts'
import { findServer, type SiteDocument } from '../../core/site.ts'
import type { MachineRoom } from '../../lab/room.ts'
import { signSite } from '../../protocol/chain.ts'
import { SEAL_PURPOSE } from '../../protocol/credential.ts'
import {
  generateSealingJwk,
  generateSigningJwk,
  importSealingKey,
  importSigningKey,
  type PrivateSealingJwk,
  type PrivateSigningJwk,
  type PublicSigningJwk,
  publicSealingJwk,
  publicSigningJwk,
} from '../../protocol/keys.ts'
import type { Order } from '../../protocol/order.ts'
import { signOrder } from '../../protocol/order-token.ts'
import { operationId, resetId } from '../../protocol/reset-id.ts'
import { sealSecret } from '../../protocol/seal.ts'
import { nodeClock } from '../../runtime/node.ts'
import type { Cast } from '../agent/lab-machines.ts'

export const SITE = 'crash'
export const AGENT = 'HACON1'
const ORDER_LIFE_MS = 60_000
const REVISION = 1
const FEED_TEST = { mode: 'same', offTimeMs: 5000, waitTimeMs: 5000, leaveUp: true } as const

export class HubStandIn {
  readonly publicJwk: PublicSigningJwk
  readonly siteJwk: PrivateSealingJwk
  siteToken = ''
  readonly #document: SiteDocument
  readonly #jwk: PrivateSigningJwk
  #orders = 0

  private constructor(
    keys: { jwk: PrivateSigningJwk; siteJwk: PrivateSealingJwk },
    document: SiteDocument,
  ) {
    this.#jwk = keys.jwk
    this.publicJwk = publicSigningJwk(keys.jwk)
    this.siteJwk = keys.siteJwk
    this.#document = document
  }

  static async make(
    cast: Cast,
    room: MachineRoom,
    secrets: ReadonlyMap<string, string>,
  ): Promise<HubStandIn> {
    const [jwk, siteJwk] = [await generateSigningJwk(), await generateSealingJwk()]
    const sealing = await importSealingKey(publicSealingJwk(siteJwk))
    const seal = async ({ secret }: { secret: string }, purpose: string) => ({
      sealed: await sealSecret(secrets.get(secret) ?? '', { site: SITE, purpose }, sealing),
    })
    const file = cast.siteFile(room, SITE)
    for (const { bmc } of file.spec.servers) {
      bmc.password = await seal(bmc.password, SEAL_PURPOSE.bmcPassword)
    }
    for (const { snmp } of file.spec.pdus) {
      snmp.community = await seal(snmp.community, SEAL_PURPOSE.snmpCommunity)
    }
    const checked = validateSite(file)
    if ('faults' in checked) throw new Error(JSON.stringify(checked.faults, null, 1))
    const hub = new HubStandIn({ jwk, siteJwk }, checked.site)
    hub.siteToken = await hub.signSite(REVISION)
    return hub
  }

  async signSite(revision: number): Promise<string> {
    const site = { v: 1, site: SITE, revision, document: this.#document } as const
    return signSite(site, await importSigningKey(this.#jwk))
  }

  reset(server: string, mode: ResetMode): Promise<{ id: string; token: string }> {
    const target = resolveTarget(this.#document, { server })
    if ('code' in target) throw new Error(target.detail)
    const { system } = target
    return this.#sign({
      kind: 'reset',
      id: resetId(SITE, this.#key()),
      ...this.#issued(),
      request: {
        server,
        ...(system ? { system: { cluster: system.cluster, number: system.number } } : {}),
        mode,
        reason: 'crash matrix',
        requestedBy: 'test',
        requestedAt: nodeClock.wall(),
      },
      plan: planReset(this.#document, target, mode),
    })
  }

  operation(kind: OperationKind, name: string): Promise<{ id: string; token: string }> {
    const server = findServer(this.#document, name)
    const target = resolveTarget(this.#document, { server: name })
    if (!server || 'code' in target) throw new Error(`no server is named ${name}`)
    const asked = {
      id: operationId(SITE, this.#key()),
      ...this.#issued(),
      target: { server: name },
      requestedBy: 'test',
    }
    const feeds = plannedFeeds(this.#document, server)
    switch (kind) {
      case 'restore':
        return this.#sign({ kind, ...asked, feeds })
      case 'pdu-test':
        return this.#sign({ kind, ...asked, feeds, test: FEED_TEST })
      case 'soft-reset-test': {
        if (!target.system) throw new Error(`${name} carries no system`)
        const { cluster, number, address, port } = target.system
        return this.#sign({ kind, ...asked, system: { cluster, number, address, port } })
      }
    }
  }

  async #sign(order: Order): Promise<{ id: string; token: string }> {
    return { id: order.id, token: await signOrder(order, await importSigningKey(this.#jwk)) }
  }

  #key(): string {
    this.#orders += 1
    return `key-${this.#orders}-${this.publicJwk.x}`
  }

  #issued() {
    const now = nodeClock.wallMs()
    const times = { issuedAtMs: now, expiresAtMs: now + ORDER_LIFE_MS }
    return { v: 1 as const, site: SITE, ...times, revision: REVISION }
  }
}
