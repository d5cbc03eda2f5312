// One agent on a lab room of its own, over real UDP, with the test in the place of the control plane: it
// signs site documents and orders, and reads the journal. The oracle is the room, never the agent.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from '../../agent/agent.ts'
import { createStopNoticeListener } from '../../agent/drivers/kdump.ts'
import { type Journal, openJournal } from '../../agent/journal.ts'
import { validateSite } from '../../core/limits.ts'
import type { ResetMode } from '../../core/plan.ts'
import { planReset, resolveRequester, resolveTarget } from '../../core/planner.ts'
import type { SiteDocument } from '../../core/site.ts'
import {
  DEMO_SECRETS,
  DEMO_USERNAME,
  demoSite,
  describeDemo,
  newDemoSecrets,
} from '../../lab/demo.ts'
import { type MachineRoom, openMachineRoom, type RoomDescription } from '../../lab/room.ts'
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
  type SealingKey,
  type SigningKey,
} from '../../protocol/keys.ts'
import type { Order, ResetOrder } from '../../protocol/order.ts'
import { signOrder } from '../../protocol/order-token.ts'
import type { JournalRecord } from '../../protocol/report.ts'
import { resetId } from '../../protocol/reset-id.ts'
import { foldReset, type ResetView } from '../../protocol/reset-view.ts'
import { sealSecret } from '../../protocol/seal.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'

export { DEMO_USERNAME }
export const SITE = 'lab'

export interface LabOptions {
  /** Changes the demonstration's site document before it is signed. */
  adapt?: (document: SiteFile) => void
  room?: (description: RoomDescription) => RoomDescription
}

// biome-ignore lint/suspicious/noExplicitAny: the demonstration's document is data that tests bend freely.
type SiteFile = any

export interface ResetQuestion {
  server?: string
  system?: number
  requester?: number
  mode?: ResetMode
  key?: string
  expiresInMs?: number
}

export class SiteOnLab {
  readonly room: MachineRoom
  readonly directory: string
  document!: SiteDocument
  agent!: Agent
  journal!: Journal
  readonly records: JournalRecord[] = []
  readonly journalled: string[] = []
  readonly failures: unknown[] = []
  #revision = 0
  #orders = 0
  #signing!: SigningKey
  #opening!: Awaited<ReturnType<typeof importOpeningKey>>
  #sealing!: SealingKey
  #keys!: Awaited<ReturnType<typeof importVerifyingKey>>[]
  #closers: (() => Promise<unknown> | unknown)[] = []
  readonly #secrets: Map<string, string>

  private constructor(room: MachineRoom, secrets: Map<string, string>) {
    this.room = room
    this.#secrets = secrets
    this.directory = mkdtempSync(join(tmpdir(), 'palisade-agent-'))
  }

  static async open({ adapt, room: bend }: LabOptions = {}): Promise<SiteOnLab> {
    const secrets = newDemoSecrets(nodeRandom)
    const description = describeDemo({ secrets })
    const room = await openMachineRoom(bend?.(description) ?? description, {
      clock: nodeClock,
      random: nodeRandom,
    })
    const lab = new SiteOnLab(room, secrets)
    const signing = await generateSigningJwk()
    const sealing = await generateSealingJwk()
    lab.#signing = await importSigningKey(signing)
    lab.#keys = [await importVerifyingKey(publicSigningJwk(signing))]
    lab.#opening = await importOpeningKey(sealing)
    lab.#sealing = await importSealingKey(publicSealingJwk(sealing))
    await lab.startAgent()
    await lab.apply(adapt)
    return lab
  }

  /** Starts the agent anew on the same directory, as after a restart of its process. */
  async startAgent(bootId = 'boot-1'): Promise<void> {
    this.journal = await openJournal({
      directory: join(this.directory, 'journal'),
      site: SITE,
      agent: 'HACON1',
      clock: nodeClock,
    })
    if (this.journal.epoch === 0) this.journal.enterEpoch(1)
    this.agent = new Agent({
      clock: nodeClock,
      random: nodeRandom,
      bootId,
      site: SITE,
      journal: this.journal,
      controlPlaneKeys: () => this.#keys,
      openingKey: this.#opening,
      files: { site: join(this.directory, 'site'), bindings: join(this.directory, 'bindings') },
      journalled: (order) => this.journalled.push(order),
      log: () => {},
      failed: (error) => this.failures.push(error),
    })
    const listener = await createStopNoticeListener({
      address: '127.0.0.1',
      port: 0,
      clock: nodeClock,
      heard: (notice) => this.agent.takeNotice(notice),
    })
    this.room.setStopNoticeTargets([{ address: '127.0.0.1', port: listener.port }])
    this.#closers = [() => listener.close(), () => this.agent.stop(), () => this.journal.close()]
    await this.agent.start()
  }

  /** Ends the agent without any farewell to ladders under way. */
  async stopAgent(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close()
  }

  async close(): Promise<void> {
    await this.stopAgent()
    await this.room.close()
    rmSync(this.directory, { recursive: true, force: true })
    if (this.failures.length > 0) throw this.failures[0]
  }

  async apply(adapt?: (document: SiteFile) => void): Promise<void> {
    const file: SiteFile = demoSite(this.room, {
      secretRef: (name) => ({ env: name }),
      name: SITE,
    })
    adapt?.(file)
    for (const device of [...file.spec.servers, ...file.spec.managementServers]) {
      device.bmc.password = await this.#seal(device.bmc.password, SEAL_PURPOSE.bmcPassword)
    }
    for (const { snmp } of file.spec.pdus) {
      snmp.community = await this.#seal(snmp.community, SEAL_PURPOSE.snmpCommunity)
    }
    const checked = validateSite(file)
    if ('faults' in checked) throw new Error(JSON.stringify(checked.faults, null, 1))
    this.document = checked.site
    this.#revision += 1
    const token = await signSite(
      { v: 1, site: SITE, revision: this.#revision, document: checked.site },
      this.#signing,
    )
    await this.agent.takeSite(token)
  }

  async #seal({ env }: { env: string }, purpose: string) {
    const secret = this.#secrets.get(env) ?? env
    return { sealed: await sealSecret(secret, { site: SITE, purpose }, this.#sealing) }
  }

  get secretNames() {
    return DEMO_SECRETS
  }

  model(server: string) {
    return this.room.getServer(server).model
  }

  outlet(pdu: string, outlet: number) {
    return {
      live: this.room.getPdu(pdu).model.live(outlet),
      fault: (
        faults: Parameters<ReturnType<MachineRoom['getPdu']>['model']['setOutletFaults']>[1],
      ) => this.room.getPdu(pdu).model.setOutletFaults(outlet, faults),
    }
  }

  /** Waits until what the watch has reported satisfies the question. */
  async watched(
    subject: string,
    attribute: string,
    value: string,
    timeoutMs = 15_000,
  ): Promise<void> {
    await this.until(`${subject} ${attribute} = ${value}`, timeoutMs, async () => {
      const records = await this.all()
      const last = records.findLast(
        (record) =>
          record.kind === 'observed' && record.name === subject && record.attribute === attribute,
      )
      return last?.kind === 'observed' && last.value === value
    })
  }

  /** Waits until every BMC and PDU is read and every machine runs. */
  async ready(): Promise<void> {
    await Promise.all([
      this.until('every OS runs', 15_000, () =>
        [...this.room.servers.values()].every(({ model }) => model.os.state === 'running'),
      ),
      ...this.document.spec.servers.map(({ name }) => this.watched(name, 'power', 'pon')),
      ...this.document.spec.pdus.map(({ name }) => this.watched(name, 'link', 'OK')),
    ])
  }

  async all(): Promise<JournalRecord[]> {
    const after = this.records.at(-1)?.seq ?? 0
    for (let seq = after; ; ) {
      const batch = await this.journal.since(seq)
      if (!batch) return this.records
      this.records.push(...batch.records)
      seq = batch.head.seq
    }
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
    const now = nodeClock.wallMs()
    this.#orders += 1
    const key =
      question.key ?? `${createHash('sha256').update(this.directory).digest('hex')}-${this.#orders}`
    const { system } = target
    return {
      v: 1,
      kind: 'reset',
      id: resetId(SITE, key),
      site: SITE,
      issuedAtMs: now,
      expiresAtMs: now + (question.expiresInMs ?? 60_000),
      revision: this.#revision,
      request: {
        server: target.server.name,
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

  sign(order: Order): Promise<string> {
    return signOrder(order, this.#signing)
  }

  /** Hands a reset order to the agent; resolves with its id once it is journalled. */
  async order(question: ResetQuestion): Promise<string> {
    const order = this.plan(question)
    await this.agent.takeOrder(await this.sign(order), nodeClock.wallMs())
    return order.id
  }

  async view(order: string): Promise<ResetView> {
    const records = await this.all()
    const view = foldReset(records.filter((record) => 'order' in record && record.order === order))
    if (!view) throw new Error(`no record of ${order}`)
    return view
  }

  /** Waits until the reset has a result. */
  async decided(order: string, timeoutMs = 45_000): Promise<ResetView> {
    await this.until(`${order} is decided`, timeoutMs, async () => {
      const { result, status } = await this.view(order)
      return result !== null || status === 'refused'
    })
    return this.view(order)
  }

  async ended(order: string, timeoutMs = 60_000): Promise<ResetView> {
    await this.until(`${order} has ended`, timeoutMs, async () => {
      const { endedAt, status } = await this.view(order)
      return endedAt !== null || status === 'refused'
    })
    return this.view(order)
  }

  async until(what: string, timeoutMs: number, holds: () => boolean | Promise<boolean>) {
    for (const end = nodeClock.now() + timeoutMs; nodeClock.now() < end; ) {
      if (await holds()) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`not within ${timeoutMs} ms: ${what}`)
  }
}
