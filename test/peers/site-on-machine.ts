// One agent with one real machine, and the test in the place of the control plane: it signs the site document
// and the orders, and reads the journal. The oracles are the machine's console and its BMC's own log.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from '../../agent/agent.ts'
import type { StopNotice } from '../../agent/drivers/kdump.ts'
import { type Journal, openJournal } from '../../agent/journal/journal.ts'
import { validateSite } from '../../core/limits.ts'
import { planReset, resolveTarget } from '../../core/planner.ts'
import type { RequiredGrade, SiteDocument } from '../../core/site.ts'
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
} from '../../protocol/keys.ts'
import { signOrder } from '../../protocol/order-token.ts'
import type { JournalRecord } from '../../protocol/report.ts'
import { resetId } from '../../protocol/reset-id.ts'
import { foldReset, type ResetView } from '../../protocol/reset-view.ts'
import { sealSecret } from '../../protocol/seal.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { ADMIN } from './ipmi-sim.ts'
import type { RealMachine } from './real-machine.ts'

export const SERVER = 'PSERVER1'
export const SYSTEM = 10_001
const SITE = 'real'

export interface SiteTraits {
  hardResetAfterMs: number
  requireGrade: RequiredGrade
}

interface Keys {
  signing: Awaited<ReturnType<typeof importSigningKey>>
  verifying: Awaited<ReturnType<typeof importVerifyingKey>>
  sealing: Awaited<ReturnType<typeof importSealingKey>>
  opening: Awaited<ReturnType<typeof importOpeningKey>>
}

export class SiteOnMachine {
  readonly #machine: RealMachine
  readonly #keys: Keys
  readonly #directory: string
  readonly #journal: Journal
  readonly #agent: Agent
  readonly #failures: unknown[] = []
  #document: SiteDocument | undefined
  #revision = 0
  #orders = 0

  private constructor(machine: RealMachine, keys: Keys, directory: string, journal: Journal) {
    this.#machine = machine
    this.#keys = keys
    this.#directory = directory
    this.#journal = journal
    this.#agent = new Agent({
      clock: nodeClock,
      random: nodeRandom,
      bootId: 'boot-1',
      site: SITE,
      name: 'HACON1',
      journal,
      controlPlaneKeys: () => [keys.verifying],
      openingKey: keys.opening,
      files: {
        site: join(directory, 'site'),
        bindings: join(directory, 'bindings'),
        proofs: join(directory, 'proofs'),
      },
      journalled: () => {},
      log: () => {},
      failed: (error) => this.#failures.push(error),
    })
  }

  /** Starts an agent that knows no site yet. */
  static async open(machine: RealMachine): Promise<SiteOnMachine> {
    const directory = mkdtempSync(join(tmpdir(), 'palisade-agent-'))
    const journal = await openJournal({
      directory: join(directory, 'journal'),
      site: SITE,
      agent: 'HACON1',
      clock: nodeClock,
    })
    journal.enterEpoch(1)
    const site = new SiteOnMachine(machine, await newKeys(), directory, journal)
    await site.#agent.start()
    return site
  }

  takeNotice(notice: StopNotice): void {
    this.#agent.takeNotice(notice)
  }

  /** Gives the agent a site document of the one server; resolves once it has read the server's power. */
  async apply(traits: SiteTraits): Promise<void> {
    const checked = validateSite(await this.#siteFile(traits))
    if ('faults' in checked) throw new Error(JSON.stringify(checked.faults))
    this.#document = checked.site
    this.#revision += 1
    const document = { v: 1, site: SITE, revision: this.#revision, document: checked.site } as const
    await this.#agent.takeSite(await signSite(document, this.#keys.signing))
    await this.#watched('pon')
  }

  /** Orders a reset of the system; resolves with what the agent's records tell once it has ended. */
  async reset(timeoutMs = 60_000): Promise<ResetView> {
    const site = this.#document
    if (!site) throw new Error('no site document was applied')
    const target = resolveTarget(site, { system: SYSTEM })
    if ('code' in target) throw new Error(target.detail)
    this.#orders += 1
    const id = resetId(SITE, `key-${this.#orders}-of-${this.#directory}`)
    const now = nodeClock.wallMs()
    const { server, system } = target
    const token = await signOrder(
      {
        v: 1,
        kind: 'reset',
        id,
        site: SITE,
        issuedAtMs: now,
        expiresAtMs: now + 60_000,
        revision: this.#revision,
        request: {
          server: server.name,
          ...(system ? { system: { cluster: system.cluster, number: system.number } } : {}),
          mode: 'ladder',
          reason: 'test',
          requestedBy: 'test',
          requestedAt: nodeClock.wall(),
        },
        plan: planReset(site, target, 'ladder'),
      },
      this.#keys.signing,
    )
    await this.#agent.takeOrder(token, now)
    return this.#ended(id, timeoutMs)
  }

  async close(): Promise<void> {
    await this.#agent.stop()
    await this.#journal.close()
    rmSync(this.#directory, { recursive: true, force: true })
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  async #siteFile({ hardResetAfterMs, requireGrade }: SiteTraits) {
    const { username, password } = ADMIN
    const scope = { site: SITE, purpose: SEAL_PURPOSE.bmcPassword }
    const sealed = await sealSecret(password, scope, this.#keys.sealing)
    const { address, port } = this.#machine
    const bmc = { protocol: 'ipmi', address: '127.0.0.1', port, username, password: { sealed } }
    const system = { number: SYSTEM, name: 'db-a', server: SERVER, address, port: 6001 }
    return {
      apiVersion: 'palisade/v1',
      kind: 'Site',
      metadata: { name: SITE },
      spec: {
        hardResetAfterMs,
        managementServers: [{ name: 'HACON1', pduControl: false, feeds: [] }],
        pdus: [],
        servers: [{ name: SERVER, bmc }],
        clusters: [{ name: 'db', requireGrade, systems: [system] }],
      },
    }
  }

  async #watched(power: string): Promise<void> {
    await poll(`${SERVER} power = ${power}`, 20_000, async () => {
      const last = (await this.#records()).findLast(
        (record) =>
          record.kind === 'observed' && record.name === SERVER && record.attribute === 'power',
      )
      return last?.kind === 'observed' && last.value === power ? last : undefined
    })
  }

  #ended(id: string, timeoutMs: number): Promise<ResetView> {
    return poll(`${id} has ended`, timeoutMs, async () => {
      const records = await this.#records()
      const view = foldReset(records.filter((record) => 'order' in record && record.order === id))
      return view && view.endedAt !== null ? view : undefined
    })
  }

  async #records(): Promise<JournalRecord[]> {
    const records: JournalRecord[] = []
    for (let seq = 0; ; ) {
      const batch = await this.#journal.since(seq)
      if (!batch) return records
      records.push(...batch.records)
      seq = batch.head.seq
    }
  }
}

async function newKeys(): Promise<Keys> {
  const signing = await generateSigningJwk()
  const sealing = await generateSealingJwk()
  return {
    signing: await importSigningKey(signing),
    verifying: await importVerifyingKey(publicSigningJwk(signing)),
    sealing: await importSealingKey(publicSealingJwk(sealing)),
    opening: await importOpeningKey(sealing),
  }
}

async function poll<T>(
  what: string,
  timeoutMs: number,
  find: () => Promise<T | undefined>,
): Promise<T> {
  for (const end = nodeClock.now() + timeoutMs; nodeClock.now() < end; await sleep(50)) {
    const found = await find()
    if (found !== undefined) return found
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`)
}
