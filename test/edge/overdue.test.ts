import { expect, test } from 'vitest'
import type { Db } from '../../db/client.ts'
import { registerControlPlaneKey } from '../../db/control-plane-keys.ts'
import { findOperation } from '../../db/operations.ts'
import { findReset } from '../../db/resets.ts'
import { resetAcceptance } from '../../edge/acceptance.ts'
import { applySite } from '../../edge/apply.ts'
import type { Caller } from '../../edge/auth.ts'
import { enrol, offerEnrolment } from '../../edge/enrolment.ts'
import { CLOSE, Hub } from '../../edge/hub.ts'
import type { LinkState } from '../../edge/hub-ports.ts'
import { acceptOperation } from '../../edge/operations.ts'
import type { Deps } from '../../edge/ports.ts'
import { localSignals } from '../../edge/signals.ts'
import { operationOf, resetOf } from '../../edge/views.ts'
import { hashRecord, signHead, signHello, ZERO_HASH } from '../../protocol/chain.ts'
import { generateSigningJwk, importSigningKey, publicSigningJwk } from '../../protocol/keys.ts'
import type { FromHub } from '../../protocol/link.ts'
import type { Order } from '../../protocol/order.ts'
import type { Body, JournalRecord } from '../../protocol/report.ts'
import { nodeRandom } from '../../runtime/node.ts'
import { describeOnPostgres } from '../db/both.ts'
import { siteFile } from './site.ts'
import { hardResetBodies, makeKeys } from './test-agent.ts'

const ADMIN: Caller = { name: 'key:admin', scope: 'admin', site: undefined, cluster: undefined }
const START_MS = Date.parse('2026-01-01T00:00:00.000Z')

/** One hub under a clock that moves only when a test moves it; connections are lists of messages. */
async function scene(db: Db, site: string) {
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
type Scene = Awaited<ReturnType<typeof scene>>

async function enrolled(at: Scene, site: string, name: string) {
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

function ordersSaid(at: Scene, id: string): { token: string; order: Order }[] {
  return at.link(id).said.flatMap((message) => {
    if (message.type !== 'order') return []
    const claims = JSON.parse(
      Buffer.from(message.token.split('.')[1] ?? '', 'base64url').toString(),
    )
    return [{ token: message.token, order: claims.order as Order }]
  })
}

describeOnPostgres('orders of which nothing is heard', (database) => {
  test('never sent and expired: failed at its expiry and not before, and the place is free', async () => {
    const at = await scene(database().db, 'expiry')
    const { id } = await at.reset('k1')
    expect(at.alarmMs()).toBe(START_MS + 60_000)
    at.afterMs(59_999)
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({ status: 'accepted', endedAt: null })
    at.afterMs(60_000)
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({
      status: 'failed',
      result: 'FAIL',
      fenced: false,
      code: 'order-expired',
      endedAt: '2026-01-01T00:01:00.000000Z',
    })
    expect(at.alarmMs()).toBeUndefined()
    expect(await at.reset('k1')).toMatchObject({ id, status: 'failed' })
    expect(await at.reset('k2')).toMatchObject({ status: 'accepted' })
  })

  test('an expired order is not sent to an agent that connects too late', async () => {
    const at = await scene(database().db, 'late')
    const agent = await enrolled(at, 'late', 'HACON1')
    const { id } = await at.reset('k1')
    at.afterMs(60_000)
    await agent.connect('1')
    expect(ordersSaid(at, '1')).toEqual([])
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({ status: 'failed' })
  })

  test('sent and overdue with its agent gone: unknown, no end, until the agent tells', async () => {
    const at = await scene(database().db, 'gone')
    const agent = await enrolled(at, 'gone', 'HACON1')
    await agent.connect('1')
    const { id } = await at.reset('k1')
    const [sent] = ordersSaid(at, '1')
    if (sent?.order.kind !== 'reset') throw new Error('not sent')
    at.links.clear()
    at.afterMs(60_000)
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({ status: 'accepted' })
    at.afterMs(300_000)
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({
      status: 'unknown',
      result: null,
      fenced: false,
      endedAt: null,
      code: 'agent-not-heard',
    })
    expect(await at.reset('k1')).toMatchObject({ id, status: 'unknown' })
    await expect(at.reset('k2', 'PSERVER2')).rejects.toMatchObject({ code: 'pair-guard' })
    await agent.connect('2')
    expect(ordersSaid(at, '2').map(({ order }) => order.id)).toEqual([id])
    await agent.tell('2', 0, ...hardResetBodies(sent.order, sent.token))
    expect(await at.find(id)).toMatchObject({ status: 'complete', result: 'REBOOT', code: null })
  })

  test('a reset of unknown outcome does not keep its target from being reset again', async () => {
    const at = await scene(database().db, 'again')
    const agent = await enrolled(at, 'again', 'HACON1')
    await agent.connect('1')
    await at.reset('k1')
    at.links.clear()
    at.afterMs(300_000)
    await at.hub.alarmed()
    expect(await at.reset('k2')).toMatchObject({ status: 'accepted' })
    await expect(at.reset('k3')).rejects.toMatchObject({ code: 'reset-already-open' })
  })

  test('overdue with its agent heard and not taken: unknown, and the place is free', async () => {
    const at = await scene(database().db, 'untaken')
    const agent = await enrolled(at, 'untaken', 'HACON1')
    await agent.connect('1')
    const { id } = await at.reset('k1')
    at.afterMs(300_000)
    at.hear('1')
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({ status: 'unknown', code: 'order-not-taken' })
    expect(await at.reset('k2')).toMatchObject({ status: 'accepted' })
  })

  test('overdue with its agent heard: left alone, and looked at again', async () => {
    const at = await scene(database().db, 'slow')
    const agent = await enrolled(at, 'slow', 'HACON1')
    await agent.connect('1')
    const { id } = await at.reset('k1')
    await at.hub.message('1', JSON.stringify({ type: 'journalled', order: id }))
    at.afterMs(300_000)
    at.hear('1')
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({ status: 'accepted' })
    expect(at.alarmMs()).toBe(START_MS + 310_000)
  })

  test('a restore that is never sent fails at its expiry', async () => {
    const at = await scene(database().db, 'restore')
    const { id } = await at.restore('k1')
    at.afterMs(60_000)
    await at.hub.alarmed()
    const row = await findOperation(database().db, id)
    expect(row && operationOf(row)).toMatchObject({
      status: 'failed',
      endedAt: '2026-01-01T00:01:00.000000Z',
    })
  })

  test('who says no hello, or nothing any more, is cut off at its time', async () => {
    const at = await scene(database().db, 'silent')
    const agent = await enrolled(at, 'silent', 'HACON1')
    await at.hub.opened('stranger')
    await agent.connect('1')
    at.afterMs(9_999)
    await at.hub.alarmed()
    expect(at.closed.size).toBe(0)
    at.afterMs(10_000)
    await at.hub.alarmed()
    expect(at.closed).toEqual(new Map([['stranger', CLOSE.silent]]))
    at.hear('1')
    at.afterMs(39_999)
    await at.hub.alarmed()
    expect(at.closed.has('1')).toBe(false)
    at.afterMs(40_000)
    await at.hub.alarmed()
    expect(at.closed.get('1')).toBe(CLOSE.silent)
  })

  test('orders go to the highest epoch, and open ones follow to a new active', async () => {
    const at = await scene(database().db, 'epochs')
    const a = await enrolled(at, 'epochs', 'HACON1')
    const b = await enrolled(at, 'epochs', 'HACON2')
    await a.connect('a', 1)
    await b.connect('b', 0)
    const { id } = await at.reset('k1')
    expect(ordersSaid(at, 'a').map(({ order }) => order.id)).toEqual([id])
    expect(ordersSaid(at, 'b')).toEqual([])
    at.links.delete('a')
    await at.hub.dispatch()
    expect(ordersSaid(at, 'b')).toEqual([])
    await b.tell('b', 2, { kind: 'started', version: 'test', bootId: 'boot' })
    expect(ordersSaid(at, 'b').map(({ order }) => order.id)).toEqual([id])
  })
})
