// One hub on a real database, with connections of the test's own, and an agent that speaks to it.
import type { Db } from '../../db/client.ts'
import { registerControlPlaneKey } from '../../db/control-plane-keys.ts'
import { findReset } from '../../db/resets.ts'
import { resetAcceptance } from '../../edge/acceptance.ts'
import { applySite } from '../../edge/apply.ts'
import type { Caller } from '../../edge/auth.ts'
import { enrol, offerEnrolment } from '../../edge/enrolment.ts'
import { Hub } from '../../edge/hub.ts'
import type { LinkState } from '../../edge/hub-ports.ts'
import { acceptOperation } from '../../edge/operations.ts'
import type { Deps } from '../../edge/ports.ts'
import { localSignals } from '../../edge/signals.ts'
import { resetOf } from '../../edge/views.ts'
import { hashRecord, signHead, signHello, ZERO_HASH } from '../../protocol/chain.ts'
import { generateSigningJwk, importSigningKey, publicSigningJwk } from '../../protocol/keys.ts'
import type { FromHub } from '../../protocol/link.ts'
import type { Order } from '../../protocol/order.ts'
import type { Body, JournalRecord } from '../../protocol/report.ts'
import { nodeRandom } from '../../runtime/node.ts'
import { siteFile } from './site.ts'
import { makeKeys } from './test-agent.ts'

const ADMIN: Caller = { name: 'key:admin', scope: 'admin', site: undefined, cluster: undefined }
export const START_MS = Date.parse('2026-01-01T00:00:00.000Z')

/** One hub under a clock that moves only when a test moves it; connections are lists of messages. */
export async function scene(db: Db, site: string) {
  let nowMs = START_MS
  let alarmMs: number | undefined
  const links = new Map<string, { state: LinkState; heardAtMs: number; said: FromHub[] }>()
  const closed = new Map<string, number>()
  const clock = {
    now: () => nowMs,
    wallMs: () => nowMs,
    wall: () => new Date(nowMs).toISOString().replace('Z', '000Z'),
    after: () => () => {},
  }
  const jwk = await generateSigningJwk()
  const key = { sign: await importSigningKey(jwk), jwk: publicSigningJwk(jwk) }
  await registerControlPlaneKey(db, { kid: key.sign.kid, key: key.jwk, createdAt: clock.wall() })
  const signals = localSignals(clock)
  const log = () => {}
  const hub = new Hub({
    site,
    db,
    clock,
    random: nodeRandom,
    key: key.sign,
    sockets: {
      list: () => [...links].map(([id, { state }]) => ({ id, state })),
      find: (id) => links.get(id)?.state,
      remember: (id, state) => void links.set(id, { ...link(id), state }),
      send: (id, text) => void link(id).said.push(JSON.parse(text)),
      close: (id, code) => {
        closed.set(id, code)
        links.delete(id)
      },
      heardAtMs: (id) => links.get(id)?.heardAtMs ?? 0,
    },
    setAlarm: (atMs) => {
      alarmMs = atMs
    },
    signals,
    log,
  })
  const link = (id: string) => {
    const found = links.get(id) ?? {
      state: { nonce: '', openedAtMs: nowMs },
      heardAtMs: nowMs,
      said: [],
    }
    links.set(id, found)
    return found
  }
  const hubs: Deps['hubs'] = {
    dispatch: () => hub.dispatch(),
    publish: () => hub.publish(),
    presence: async () => hub.presence(),
    here: async () => hub,
    accept: () => new Response(),
  }
  const deps: Deps = { db, clock, random: nodeRandom, signals, hubs, key, log, version: 'test' }
  await applySite(deps, { name: site, raw: siteFile(site), dryRun: false, appliedBy: 'test' })
  return {
    deps,
    hub,
    links,
    closed,
    link,
    alarmMs: () => alarmMs,
    afterMs: (ms: number) => {
      nowMs = START_MS + ms
    },
    hear: (id: string) => {
      link(id).heardAtMs = nowMs
    },
    reset: (key: string, server = 'PSERVER1') =>
      resetAcceptance(deps)({ site, target: { server }, mode: 'ladder', reason: 'x' }, key, ADMIN),
    restore: (key: string) =>
      acceptOperation(deps, { kind: 'restore', site, server: 'PSERVER1' }, { key, caller: ADMIN }),
    find: async (id: string) => {
      const row = await findReset(db, id)
      return row && resetOf(row)
    },
  }
}
export type Scene = Awaited<ReturnType<typeof scene>>

/** An agent of the scene's site. */
export async function enrolled(at: Scene, site: string, name: string) {
  const keys = await makeKeys()
  const { token } = await offerEnrolment(at.deps, { site, agent: name, createdBy: 'test' })
  const { signKey, sealKey, siteKey } = keys
  await enrol(at.deps, { token, name, signKey, sealKey, siteKey, version: 'test' })
  const journal: JournalRecord[] = []
  return {
    async connect(id: string, epoch = 0) {
      await at.hub.opened(id)
      const { nonce } = at.link(id).state
      const own = { v: 1 as const, site, agent: name, nonce, start: 1, epoch, revision: 1 }
      const hello = await signHello({ ...own, head: journal.length, version: 'test' }, keys.sign)
      await at.hub.message(id, JSON.stringify({ type: 'hello', token: hello }))
    },
    async tell(id: string, epoch: number, ...bodies: Body[]) {
      const records = bodies.map((body): JournalRecord => {
        const last = journal.at(-1)
        const prev = last ? hashRecord(last) : ZERO_HASH
        const chain = { v: 1 as const, site, agent: name, start: 1, epoch, seq: journal.length + 1 }
        const record: JournalRecord = { ...chain, prev, at: at.deps.clock.wall(), ...body }
        journal.push(record)
        return record
      })
      const last = journal.at(-1)
      if (!last) throw new Error('nothing to tell')
      const head = { v: 1 as const, site, agent: name, seq: last.seq, hash: hashRecord(last) }
      const message = { type: 'report', records, head: await signHead(head, keys.sign) }
      await at.hub.message(id, JSON.stringify(message))
    },
  }
}

/** The orders that came over a connection. */
export function ordersSaid(at: Scene, id: string): { token: string; order: Order }[] {
  return at.link(id).said.flatMap((message) => {
    if (message.type !== 'order') return []
    const claims = JSON.parse(
      Buffer.from(message.token.split('.')[1] ?? '', 'base64url').toString(),
    )
    return [{ token: message.token, order: claims.order as Order }]
  })
}
