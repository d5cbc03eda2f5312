// An agent in this process with its journal on the disk, and this process in the place of the control plane: it
// signs orders beforehand and hands them in, so that nothing but the agent's own time is measured.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from '../../agent/agent.ts'
import { type Journal, openJournal } from '../../agent/journal/journal.ts'
import { validateSite } from '../../core/limits.ts'
import type { ResetMode } from '../../core/plan.ts'
import { planReset, resolveTarget } from '../../core/planner.ts'
import type { SiteDocument } from '../../core/site.ts'
import { signSite } from '../../protocol/chain.ts'
import { SEAL_PURPOSE } from '../../protocol/credential.ts'
import {
  generateSealingJwk,
  generateSigningJwk,
  importOpeningKey,
  importSealingKey,
  importSigningKey,
  importVerifyingKey,
  publicSealingJwk,
  publicSigningJwk,
  type SigningKey,
} from '../../protocol/keys.ts'
import { signOrder } from '../../protocol/order-token.ts'
import type { JournalRecord } from '../../protocol/report.ts'
import { resetId } from '../../protocol/reset-id.ts'
import { sealSecret } from '../../protocol/seal.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { until } from './instants.ts'
import { AGENT, type BenchSite, SITE, siteFile } from './site-file.ts'

export interface SignedOrder {
  id: string
  server: string
  token: string
}

export class AgentStand {
  readonly #directory: string
  readonly #journal: Journal
  readonly #agent: Agent
  readonly #document: SiteDocument
  readonly #key: SigningKey
  readonly #records: JournalRecord[] = []
  #orders = 0

  private constructor(made: {
    directory: string
    journal: Journal
    agent: Agent
    document: SiteDocument
    key: SigningKey
  }) {
    this.#directory = made.directory
    this.#journal = made.journal
    this.#agent = made.agent
    this.#document = made.document
    this.#key = made.key
  }

  /** Resolves when every server was read on. */
  static async open(site: BenchSite): Promise<AgentStand> {
    const signing = await generateSigningJwk()
    const sealing = await generateSealingJwk()
    const key = await importSigningKey(signing)
    const verifying = await importVerifyingKey(publicSigningJwk(signing))
    const document = await sealedDocument(site, publicSealingJwk(sealing))
    const directory = mkdtempSync(join(tmpdir(), 'palisade-bench-'))
    const journal = await openJournal({
      directory: join(directory, 'journal'),
      site: SITE,
      agent: AGENT,
      clock: nodeClock,
    })
    journal.enterEpoch(1)
    const agent = new Agent({
      clock: nodeClock,
      random: nodeRandom,
      bootId: 'boot',
      site: SITE,
      name: AGENT,
      journal,
      controlPlaneKeys: () => [verifying],
      openingKey: await importOpeningKey(sealing),
      files: {
        site: join(directory, 'site'),
        bindings: join(directory, 'bindings'),
        proofs: join(directory, 'proofs'),
      },
      journalled: () => {},
      log: () => {},
      failed: (error) => {
        throw error
      },
    })
    await agent.start()
    await agent.takeSite(await signSite({ v: 1, site: SITE, revision: 1, document }, key))
    const stand = new AgentStand({ directory, journal, agent, document, key })
    await stand.#allRead(site.servers.length)
    return stand
  }

  async #allRead(servers: number): Promise<void> {
    await until('the agent has read every server', 120_000, async () => {
      const lit = new Set(
        (await this.records()).flatMap((record) =>
          record.kind === 'observed' && record.attribute === 'power' && record.value === 'pon'
            ? [record.name]
            : [],
        ),
      )
      return lit.size >= servers
    })
  }

  /** A signed order for a reset, ready to be handed in. */
  async order(server: string, mode: ResetMode): Promise<SignedOrder> {
    const target = resolveTarget(this.#document, { server })
    if ('code' in target) throw new Error(target.detail)
    this.#orders += 1
    const id = resetId(SITE, `bench-${this.#orders}`)
    const issuedAtMs = nodeClock.wallMs()
    const token = await signOrder(
      {
        v: 1,
        kind: 'reset',
        id,
        site: SITE,
        issuedAtMs,
        expiresAtMs: issuedAtMs + 60_000,
        revision: 1,
        request: {
          server,
          mode,
          reason: 'bench',
          requestedBy: 'bench',
          requestedAt: nodeClock.wall(),
        },
        plan: planReset(this.#document, target, mode),
      },
      this.#key,
    )
    return { id, server, token }
  }

  /** As the link hands it in; resolves when it is journalled. */
  hand({ token }: SignedOrder): Promise<void> {
    return this.#agent.takeOrder(token, nodeClock.wallMs())
  }

  /** All durable records. */
  async records(): Promise<readonly JournalRecord[]> {
    await this.#newRecords()
    return this.#records
  }

  /** Those since the last look: looking takes the agent's time, for it runs in this process. */
  async #newRecords(): Promise<JournalRecord[]> {
    const fresh: JournalRecord[] = []
    for (;;) {
      const batch = await this.#journal.since(this.#records.length)
      if (!batch) return fresh
      this.#records.push(...batch.records)
      fresh.push(...batch.records)
    }
  }

  async ended(orders: readonly SignedOrder[], timeoutMs = 30_000): Promise<void> {
    const wanted = new Set(orders.map(({ id }) => id))
    await until('every reset ends', timeoutMs, async () => {
      for (const record of await this.#newRecords()) {
        if (record.kind === 'ended') wanted.delete(record.order)
        if (record.kind === 'refused') throw new Error(record.detail)
      }
      return wanted.size === 0
    })
  }

  async close(): Promise<void> {
    await this.#agent.stop()
    await this.#journal.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

async function sealedDocument(
  site: BenchSite,
  jwk: Parameters<typeof importSealingKey>[0],
): Promise<SiteDocument> {
  const key = await importSealingKey(jwk)
  const file = siteFile(site)
  const seal = async (secret: string, purpose: string) => ({
    sealed: await sealSecret(secret, { site: SITE, purpose }, key),
  })
  const password = await seal(site.account.password, SEAL_PURPOSE.bmcPassword)
  const servers = file.spec.servers.map((server) => ({
    ...server,
    bmc: { ...server.bmc, password },
  }))
  const community = await seal(site.community ?? '', SEAL_PURPOSE.snmpCommunity)
  const pdus = file.spec.pdus.map((pdu) => ({ ...pdu, snmp: { ...pdu.snmp, community } }))
  const checked = validateSite({ ...file, spec: { ...file.spec, servers, pdus } })
  if ('faults' in checked) throw new Error(JSON.stringify(checked.faults.slice(0, 3), null, 1))
  return checked.site
}
