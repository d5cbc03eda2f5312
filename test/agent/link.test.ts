import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { openIdentity } from '../../agent/identity.ts'
import { HubLink, type HubLinkOptions, type HubLinkState, retryDelayMs } from '../../agent/link.ts'
import type { Random } from '../../core/ports.ts'
import { hashRecord, ZERO_HASH } from '../../protocol/chain.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { seededRandom, VirtualClock } from '../lab/virtual-clock.ts'
import { startHub } from './hub-stub.ts'
import { note, openAt, place } from './journal-place.ts'

const AT_ONCE: Random = { ...nodeRandom, fraction: () => 0.02 }

async function until(reached: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 1000; tries += 1) {
    if (reached()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`never: ${what}`)
}

/** Where nobody listens any more. */
async function closedUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
}

async function linked(overrides: Partial<HubLinkOptions> = {}) {
  const identity = await openIdentity(await place())
  const hub = await startHub(identity.signKey)
  const journal = await openAt(await place())
  const states: HubLinkState[] = []
  const orders: [string, number][] = []
  const sites: string[] = []
  const rolledBack: string[] = []
  const link = new HubLink({
    url: hub.url,
    site: 'tokyo1',
    agent: 'HACON1',
    version: '0.1.0',
    key: identity.signing,
    journal,
    clock: nodeClock,
    random: AT_ONCE,
    revision: () => 7,
    onOrder: (token, hubNowMs) => orders.push([token, hubNowMs]),
    onSite: (token) => sites.push(token),
    onState: (state) => states.push(state),
    onRolledBack: (detail) => rolledBack.push(detail),
    ...overrides,
  })
  return { hub, journal, link, states, orders, sites, rolledBack, identity }
}

const connected = (link: HubLink) =>
  until(() => link.state.phase === 'connected', 'the link is connected')

test('the agent proves itself to the challenge and tells what it holds', async () => {
  const { hub, journal, link } = await linked()
  journal.enterEpoch(3)
  await journal.append([note(1)])
  link.start()
  await connected(link)
  expect(hub.queries).toEqual(['/v1/agents/link?site=tokyo1&agent=HACON1'])
  expect(hub.hellos).toEqual([
    {
      v: 1,
      site: 'tokyo1',
      agent: 'HACON1',
      nonce: 'nonce-1',
      start: 1,
      epoch: 3,
      head: 1,
      revision: 7,
      version: '0.1.0',
    },
  ])
  link.stop()
})

test('records arrive in order, signed, and are acknowledged in the journal', async () => {
  const { hub, journal, link } = await linked()
  await journal.append(Array.from({ length: 450 }, (_, index) => note(index)))
  link.start()
  await until(() => hub.received === 450, 'all were stored')
  await journal.append([note(451)])
  await until(() => journal.acknowledged === 451, 'all are acknowledged')
  expect(hub.reports).toBe(4)
  expect(hub.duplicates).toBe(0)
  expect(hub.faults).toEqual([])
  link.stop()
})

test('a link that is cut again and again, before and after storing, loses nothing', async () => {
  const { hub, journal, link } = await linked()
  const random = seededRandom('cuts')
  hub.onReport = () => random.fraction() > 0.3
  link.start()
  for (let round = 0; round < 40; round += 1) {
    await journal.append(Array.from({ length: 20 }, () => note(round)))
    if (round % 7 !== 0) continue
    const before = hub.hellos.length
    hub.cut()
    await until(() => hub.hellos.length > before, 'it came again')
  }
  hub.onReport = () => true
  await until(() => journal.acknowledged === 800, 'all are acknowledged')
  expect(hub.received).toBe(800)
  expect(hub.hellos.length).toBeGreaterThan(3)
  expect(hub.faults).toEqual([])
  let prev = ZERO_HASH
  for (let seq = 1; seq <= 800; seq += 1) {
    const record = hub.records.get(seq)
    expect(record?.prev).toBe(prev)
    prev = record ? hashRecord(record) : ''
  }
  link.stop()
})

test('a hub that lost its records is told all of them again', async () => {
  const { hub, journal, link } = await linked()
  await journal.append([note(1), note(2), note(3)])
  link.start()
  await until(() => journal.acknowledged === 3, 'all are acknowledged')
  hub.records.clear()
  hub.cut()
  await until(() => hub.received === 3, 'all were stored again')
  expect(hub.faults).toEqual([])
  link.stop()
})

test('a journal that the hub knows more of was rolled back: the link ends and says so', async () => {
  const { hub, journal, link, rolledBack } = await linked()
  await journal.append([note(1)])
  hub.claims = 5
  link.start()
  await until(() => rolledBack.length === 1, 'it was told')
  expect(rolledBack[0]).toMatch(/stored 5 records .* holds 1: it was rolled back/)
  expect(link.state.phase).toBe('stopped')
  expect(journal.acknowledged).toBe(0)
})

test("orders and sites come with the hub's time, and journalled orders are told", async () => {
  const { hub, link, orders, sites } = await linked()
  expect(link.hubNowMs()).toBeUndefined()
  link.start()
  await connected(link)
  hub.nowMs += 5000
  hub.say({ type: 'order', token: 'an.order.token', nowMs: hub.nowMs })
  hub.say({ type: 'site', token: 'a.site.token', nowMs: hub.nowMs })
  await until(() => sites.length === 1, 'the site came')
  expect(orders.map(([token]) => token)).toEqual(['an.order.token'])
  const aheadMs = (orders[0]?.[1] ?? 0) - hub.nowMs
  expect(aheadMs).toBeGreaterThanOrEqual(0)
  expect(aheadMs).toBeLessThan(5000)
  expect(sites).toEqual(['a.site.token'])
  expect(link.hubNowMs()).toBeGreaterThanOrEqual(hub.nowMs)
  link.journalled('rst_0123456789abcdefghjkmnpqrs')
  await until(() => hub.journalled.length === 1, 'the hub was told')
  link.stop()
  link.journalled('rst_0123456789abcdefghjkmnpqrs')
})

test('no order is taken before the welcome, nor after the end', async () => {
  const { hub, link, orders } = await linked()
  const order = JSON.stringify({ type: 'order', token: 'early', nowMs: 1 })
  hub.beforeWelcome = (socket) => socket.send(order)
  link.start()
  await connected(link)
  const [socket] = hub.sockets
  expect(orders).toEqual([])
  link.stop()
  socket?.send(order)
  await until(() => hub.sockets.size === 0, 'the socket is closed')
  expect(orders).toEqual([])
})

test('what is no message of this version is passed over, and what is no text ends the link', async () => {
  const { hub, link, states } = await linked()
  link.start()
  await connected(link)
  const [socket] = hub.sockets
  for (const text of ['', '{', 'null', '{"type":"later"}', '{"type":"order"}']) socket?.send(text)
  hub.say({ type: 'order', token: 'x', nowMs: hub.nowMs })
  await until(() => link.state.phase === 'connected', 'still connected')
  socket?.send(new Uint8Array([1, 2, 3]))
  await until(() => states.some(({ detail }) => /not a message/.test(detail)), 'it ended')
  await connected(link)
  link.stop()
})

describe('in virtual time', () => {
  test('a hub that says nothing for 25 s is left and dialled again', async () => {
    const clock = new VirtualClock()
    const { hub, link, states } = await linked({ clock })
    hub.answersPings = false
    link.start()
    await connected(link)
    clock.advance(24_999)
    expect(link.state.phase).toBe('connected')
    clock.advance(1)
    expect(link.state).toEqual({ phase: 'waiting', detail: 'nothing heard for 25 s' })
    clock.advance(10_000)
    await until(() => hub.hellos.length === 2, 'it came again')
    await until(() => states.at(-1)?.phase === 'connected', 'it is connected again')
    link.stop()
  })

  test('pings every 10 s keep a quiet link for ever', async () => {
    const clock = new VirtualClock()
    const { hub, link } = await linked({ clock })
    link.start()
    await connected(link)
    for (let ping = 1; ping <= 5; ping += 1) {
      clock.advance(10_000)
      await until(() => hub.pings === ping, 'the ping came')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(link.state.phase).toBe('connected')
    expect(hub.hellos.length).toBe(1)
    link.stop()
  })

  test('a hub that opens but never welcomes is left after 15 s', async () => {
    const clock = new VirtualClock()
    const { hub, link } = await linked({ clock })
    hub.claims = Number.NaN
    link.start()
    await until(() => hub.hellos.length === 1, 'the hello came')
    clock.advance(14_999)
    expect(link.state.phase).toBe('connecting')
    clock.advance(1)
    expect(link.state.detail).toBe('the hub did not welcome in time')
    link.stop()
  })

  test('waits between dials stay within 0.25 s doubled up to 10 s, and its reason is told', async () => {
    const waits: number[] = []
    class Watched extends VirtualClock {
      override after(delayMs: number, callback: () => void) {
        if (link.state.phase === 'waiting') waits.push(delayMs)
        return super.after(delayMs, callback)
      }
    }
    const clock = new Watched()
    const url = await closedUrl()
    const { link, hub } = await linked({ clock, url, random: nodeRandom })
    link.start()
    for (let dial = 1; dial <= 9; dial += 1) {
      await until(() => waits.length === dial, 'it waits')
      clock.advance(10_000)
    }
    for (const [index, waitMs] of waits.entries()) {
      expect(waitMs).toBeGreaterThanOrEqual(0)
      expect(waitMs).toBeLessThanOrEqual(Math.min(10_000, 250 * 2 ** index))
    }
    expect(link.state.detail).toBe(`no connection to ${url}: ECONNREFUSED`)
    link.stop()
    expect(hub.hellos).toEqual([])
  })

  test('a link that lasted 10 s is dialled again as after a first failure', async () => {
    const clock = new VirtualClock()
    const { hub, link } = await linked({ clock, random: { ...nodeRandom, fraction: () => 0.999 } })
    link.start()
    for (let cut = 1; cut <= 5; cut += 1) {
      await until(() => hub.hellos.length === cut && link.state.phase === 'connected', 'connected')
      hub.cut()
      await until(() => link.state.phase === 'waiting', 'it waits')
      clock.advance(250 * 2 ** (cut - 1))
    }
    await until(() => hub.hellos.length === 6 && link.state.phase === 'connected', 'connected')
    clock.advance(10_000)
    hub.cut()
    await until(() => link.state.phase === 'waiting', 'it waits')
    clock.advance(249)
    expect(link.state.phase).toBe('waiting')
    clock.advance(1)
    expect(link.state.phase).toBe('connecting')
    link.stop()
  })
})

test('full jitter spreads a wait over all of its range', () => {
  const random = seededRandom('jitter')
  const waits = Array.from({ length: 1000 }, () => retryDelayMs(20, random.fraction()))
  expect(Math.max(...waits)).toBeLessThan(10_000)
  expect(Math.min(...waits)).toBeLessThan(100)
  expect(waits.filter((waitMs) => waitMs < 5000).length).toBeGreaterThan(400)
})
