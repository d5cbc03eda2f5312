// One agent on a lab room of its own, over real UDP, with the test in the place of the control plane: it
// signs site documents and orders, and reads the journal. The oracle is the room, never the agent.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from '../../agent/agent.ts'
import { createStopNoticeListener } from '../../agent/drivers/kdump.ts'
import { type Journal, openJournal } from '../../agent/journal/journal.ts'
import { validateSite } from '../../core/limits.ts'
import type { ResetMode } from '../../core/plan.ts'
import { plannedFeeds, planReset, resolveRequester, resolveTarget } from '../../core/planner.ts'
import { findManagementServer, findServer, type SiteDocument } from '../../core/site.ts'
import { type MachineRoom, openMachineRoom } from '../../lab/room.ts'
import { StopNoticeSender } from '../../lab/stop-notice.ts'
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
import type { OperationOrder, Order, ResetOrder, RestoreOrder } from '../../protocol/order.ts'
import { signOrder } from '../../protocol/order-token.ts'
import type { JournalRecord, RecordOf } from '../../protocol/report.ts'
import { operationId, resetId } from '../../protocol/reset-id.ts'
import {
  foldOperation,
  foldReset,
  type OperationView,
  type ResetView,
} from '../../protocol/reset-view.ts'
import { sealSecret } from '../../protocol/seal.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { type Cast, cast, type Machine, type SiteFile } from './lab-machines.ts'

export const SITE = 'lab'
/** Of the management server that the agent runs on, too. */
const AGENT = 'HACON1'

export interface ResetQuestion {
  server?: string
  system?: number
  requester?: number
  mode?: ResetMode
  key?: string
  expiresInMs?: number
}

interface Keys {
  signing: Awaited<ReturnType<typeof importSigningKey>>
  verifying: Awaited<ReturnType<typeof importVerifyingKey>>
  sealing: Awaited<ReturnType<typeof importSealingKey>>
  opening: Awaited<ReturnType<typeof importOpeningKey>>
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

export class SiteOnLab {
  readonly room: MachineRoom
  readonly machines: readonly Machine[]
  readonly openedAt = nodeClock.now()
  document!: SiteDocument
  agent!: Agent
  journal!: Journal
  /** Orders that the agent said it need not be sent again. */
  readonly journalled: string[] = []
  readonly #cast: Cast
  readonly #keys: Keys
  readonly #secrets: ReadonlyMap<string, string>
  readonly #directory = mkdtempSync(join(tmpdir(), 'palisade-agent-'))
  readonly #records: JournalRecord[] = []
  readonly #failures: unknown[] = []
  readonly #notices = new Map<string, StopNoticeSender>()
  #noticePort = 0
  #crashing = false
  #revision = 0
  #orders = 0
  #closers: (() => Promise<unknown> | unknown)[] = []

  private constructor(
    room: MachineRoom,
    machines: readonly Machine[],
    made: { cast: Cast; keys: Keys; secrets: ReadonlyMap<string, string> },
  ) {
    this.room = room
    this.machines = machines
    this.#cast = made.cast
    this.#keys = made.keys
    this.#secrets = made.secrets
  }

  /** Opens the room, starts the agent and gives it the site. Resolves when everything is read and runs. */
  static async open(machines: readonly Machine[]): Promise<SiteOnLab> {
    const made = cast(machines)
    const secrets = new Map(
      made.secretNames.map((name) => [name, Buffer.from(nodeRandom.bytes(10)).toString('hex')]),
    )
    const room = await openMachineRoom(made.room(secrets), { clock: nodeClock, random: nodeRandom })
    const lab = new SiteOnLab(room, machines, { cast: made, keys: await newKeys(), secrets })
    try {
      await lab.startAgent()
      await lab.apply()
      await lab.#ready()
    } catch (error) {
      await lab.close().catch(() => {})
      throw error
    }
    return lab
  }

  /** Starts the agent, or starts it anew on the same directory as after a restart of its process. */
  async startAgent(bootId = 'boot-1'): Promise<void> {
    const directory = this.#directory
    this.journal = await openJournal({
      directory: join(directory, 'journal'),
      site: SITE,
      agent: AGENT,
      clock: nodeClock,
    })
    if (this.journal.epoch === 0) this.journal.enterEpoch(1)
    this.agent = new Agent({
      clock: nodeClock,
      random: nodeRandom,
      bootId,
      site: SITE,
      name: AGENT,
      journal: this.journal,
      controlPlaneKeys: () => [this.#keys.verifying],
      openingKey: this.#keys.opening,
      files: {
        site: join(directory, 'site'),
        bindings: join(directory, 'bindings'),
        proofs: join(directory, 'proofs'),
      },
      journalled: (order) => this.journalled.push(order),
      log: () => {},
      failed: (error) => {
        if (!this.#crashing) this.#failures.push(error)
      },
    })
    const listener = await createStopNoticeListener({
      address: '127.0.0.1',
      port: 0,
      clock: nodeClock,
      heard: (notice) => this.agent.takeNotice(notice),
    })
    this.#noticePort = listener.port
    this.room.setStopNoticeTargets([{ address: '127.0.0.1', port: listener.port }])
    this.#closers = [() => listener.close(), () => this.journal.close(), () => this.agent.stop()]
    await this.agent.start()
  }

  /** Ends the agent as a crash would: nothing that it learns while it ends is kept. */
  async stopAgent(): Promise<void> {
    this.#crashing = true
    for (const close of this.#closers.splice(0)) await close()
    this.#crashing = false
  }

  async close(): Promise<void> {
    await this.stopAgent()
    for (const sender of this.#notices.values()) sender.close()
    await this.room.close()
    rmSync(this.#directory, { recursive: true, force: true })
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  /** Signs the site document, bent by `adapt`, and gives it to the agent. */
  async apply(adapt?: (document: SiteFile) => void): Promise<void> {
    const file = this.#cast.siteFile(this.room, SITE)
    adapt?.(file)
    for (const { bmc } of [...file.spec.servers, ...file.spec.managementServers]) {
      if (!bmc) continue
      bmc.password = await this.#seal(bmc.password, SEAL_PURPOSE.bmcPassword)
    }
    for (const { snmp } of file.spec.pdus) {
      snmp.community = await this.#seal(snmp.community, SEAL_PURPOSE.snmpCommunity)
    }
    const checked = validateSite(file)
    if ('faults' in checked) throw new Error(JSON.stringify(checked.faults, null, 1))
    this.document = checked.site
    this.#revision += 1
    const site = { v: 1, site: SITE, revision: this.#revision, document: checked.site } as const
    await this.agent.takeSite(await signSite(site, this.#keys.signing))
  }

  async #seal({ secret: name }: { secret: string }, purpose: string) {
    const secret = this.#secrets.get(name) ?? name
    return { sealed: await sealSecret(secret, { site: SITE, purpose }, this.#keys.sealing) }
  }

  async #ready(): Promise<void> {
    const read = this.machines.filter(({ wrongPassword }) => !wrongPassword)
    await Promise.all([
      this.until('every OS runs', 15_000, () =>
        [...this.room.servers.values()].every(({ model }) => model.os.state === 'running'),
      ),
      ...read.map(({ name }) => this.observed(name, 'power', 'pon')),
      ...this.document.spec.pdus.map(({ name }) => this.observed(name, 'link', 'OK')),
    ])
  }

  /** A stop notice from a machine's own address, as its crash kernel would send it. */
  sendNotice(server: string): void {
    const { systemAddress } = this.room.getServer(server)
    if (systemAddress === undefined) throw new Error(`${server} carries no system`)
    const sender = this.#notices.get(server) ?? new StopNoticeSender(systemAddress)
    this.#notices.set(server, sender)
    sender.send([{ address: '127.0.0.1', port: this.#noticePort }])
  }

  /** Everything that is durable so far, over all starts of the agent. */
  async records(): Promise<JournalRecord[]> {
    for (let seq = this.#records.at(-1)?.seq ?? 0; ; ) {
      const batch = await this.journal.since(seq)
      if (!batch) return this.#records
      for (const record of batch.records) {
        // Others read at the same time.
        if (record.seq > (this.#records.at(-1)?.seq ?? 0)) this.#records.push(record)
      }
      seq = batch.head.seq
    }
  }

  async recordsOf(order: string): Promise<JournalRecord[]> {
    return (await this.records()).filter((record) => 'order' in record && record.order === order)
  }

  /** What the watch reported of one attribute, oldest first. */
  async observations(name: string, attribute: string): Promise<RecordOf<'observed'>[]> {
    return (await this.records()).filter(
      (record): record is RecordOf<'observed'> =>
        record.kind === 'observed' && record.name === name && record.attribute === attribute,
    )
  }

  /** Waits until the last report of the attribute is this value. */
  async observed(
    name: string,
    attribute: string,
    value: string,
    timeoutMs = 20_000,
  ): Promise<void> {
    await this.until(`${name} ${attribute} = ${value}`, timeoutMs, async () => {
      return (await this.observations(name, attribute)).at(-1)?.value === value
    })
  }

  plan(question: ResetQuestion): ResetOrder {
    const target = resolveTarget(this.document, question)
    if ('code' in target) throw new Error(target.detail)
    const requester =
      question.requester === undefined
        ? undefined
        : resolveRequester(this.document, { system: question.requester })
    if (requester && 'code' in requester) throw new Error(requester.detail)
    const mode = question.mode ?? 'ladder'
    const { server, system } = target
    return {
      kind: 'reset',
      id: resetId(SITE, question.key ?? this.#freshKey()),
      ...this.#issued(question.expiresInMs),
      request: {
        server: server.name,
        ...(system ? { system: { cluster: system.cluster, number: system.number } } : {}),
        ...(requester ? { requester } : {}),
        mode,
        reason: 'test',
        requestedBy: 'test',
        requestedAt: nodeClock.wall(),
      },
      plan: planReset(this.document, target, mode),
    }
  }

  planRestore(name: string): RestoreOrder {
    const managing = findManagementServer(this.document, name)
    const server = managing ?? findServer(this.document, name)
    if (!server) throw new Error(`no server is named ${name}`)
    return {
      kind: 'restore',
      id: operationId(SITE, this.#freshKey()),
      ...this.#issued(),
      target: { server: name, ...(managing ? { class: 'M' } : {}) },
      feeds: plannedFeeds(this.document, server),
      requestedBy: 'test',
    }
  }

  #freshKey(): string {
    this.#orders += 1
    return `key-${this.#orders}-of-${this.#directory}`
  }

  #issued(expiresInMs = 60_000) {
    const now = nodeClock.wallMs()
    const times = { issuedAtMs: now, expiresAtMs: now + expiresInMs }
    return { v: 1 as const, site: SITE, ...times, revision: this.#revision }
  }

  sign(order: Order): Promise<string> {
    return signOrder(order, this.#keys.signing)
  }

  /** Hands a signed order to the agent; resolves once it is journalled. */
  async hand(token: string, hubNowMs = nodeClock.wallMs()): Promise<void> {
    await this.agent.takeOrder(token, hubNowMs)
  }

  /** Plans, signs and hands in; resolves with the order's id. */
  async order(question: ResetQuestion): Promise<string> {
    const order = this.plan(question)
    await this.hand(await this.sign(order))
    return order.id
  }

  async restore(server: string): Promise<RestoreOrder> {
    const order = this.planRestore(server)
    await this.hand(await this.sign(order))
    return order
  }

  async view(order: string): Promise<ResetView> {
    const view = foldReset(await this.recordsOf(order))
    if (!view) throw new Error(`no record of ${order}`)
    return view
  }

  /** Where stop notices are heard, on 127.0.0.1. */
  get noticePort(): number {
    return this.#noticePort
  }

  /** The password that the room gave to the BMC of this machine. */
  bmcPassword(server: string): string {
    return this.#secrets.get(`bmc-${server}`) ?? ''
  }

  /** Waits until a restore or test has ended. */
  async operation(order: OperationOrder, timeoutMs = 30_000): Promise<OperationView> {
    const fold = async () => foldOperation(await this.recordsOf(order.id), order)
    await this.until(`${order.id} has ended`, timeoutMs, async () => {
      return ((await fold())?.endedAt ?? null) !== null
    })
    const view = await fold()
    if (!view) throw new Error(`no record of ${order.id}`)
    return view
  }

  async until(what: string, timeoutMs: number, holds: () => boolean | Promise<boolean>) {
    for (const end = nodeClock.now() + timeoutMs; nodeClock.now() < end; ) {
      if (await holds()) return
      await pause(20)
    }
    throw new Error(`not within ${timeoutMs} ms: ${what}`)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => nodeClock.after(ms, resolve))
}
