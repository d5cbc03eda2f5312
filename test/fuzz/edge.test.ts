// The borders of the control plane: REST bodies, headers and paths, bytes on its port, messages and records of
// agents. Nothing may end as its own failure, and after each attack it still works.
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../db/client.ts'
import { storeReport } from '../../edge/ingest.ts'
import { readBatch } from '../../edge/report-batch.ts'
import { hashRecord, signHead, ZERO_HASH } from '../../protocol/chain.ts'
import { importVerifyingKey, type VerifyingKey } from '../../protocol/keys.ts'
import { nodeClock } from '../../runtime/node.ts'
import { startTestPlane, type TestPlane } from '../edge/control-plane.ts'
import { ownApp } from '../edge/own-app.ts'
import { siteFile } from '../edge/site.ts'
import { TestAgent } from '../edge/test-agent.ts'
import { findPostgres } from '../postgres.ts'
import { BODIES } from '../protocol/order-samples.ts'
import { bent, fuzz, garbled, nastyJson, nastyText } from './fuzz.ts'

const RESET = {
  site: 'lab',
  target: { system: 10001, cluster: 'db' },
  requester: { system: 10002 },
  mode: 'ladder',
  reason: 'no heartbeat',
}
const TOKEN = { name: 'ci', scope: 'operate', site: 'lab', cluster: 'db', expiresInS: 60 }
const PDU_TEST = { mode: 'serial', pdu: 'pdu-a', offTimeS: 10, waitTimeS: 10 }

describe.skipIf(findPostgres() === undefined)('the control plane under random attacks', () => {
  let plane: TestPlane
  let own: Awaited<ReturnType<typeof ownApp>>
  let agent: TestAgent
  const faults: string[] = []
  beforeAll(async () => {
    plane = await startTestPlane()
    await plane.ask('/v1/sites/lab', { method: 'PUT', body: siteFile('lab') })
    agent = await TestAgent.enrolled(plane, 'lab', 'HACON1')
    own = await ownApp(plane.databaseUrl, nodeClock, (level, event, fields) => {
      if (level === 'error') faults.push(`${event} ${JSON.stringify(fields)}`)
    })
  }, 60_000)
  afterAll(async () => {
    await own.stop()
    await plane.stop()
  })

  const known = fc.constantFrom(
    ['POST', '/v1/resets', RESET],
    ['POST', '/v1/resets', { ...RESET, target: { server: 'PSERVER3' } }],
    ['POST', '/v1/tokens', TOKEN],
    ['POST', '/v1/sites/lab/enrolments', { name: 'HACON2' }],
    ['POST', '/v1/sites/lab/servers/PSERVER1/tests/pdu', PDU_TEST],
    ['POST', '/v1/sites/lab/servers/PSERVER1/restore', {}],
    ['POST', '/v1/agents/enroll', { token: 'x', name: 'HACON2', signKey: {}, version: '1' }],
    ['PUT', '/v1/sites/lab', siteFile('lab')],
    ['PUT', '/v1/sites/lab?dryRun=true', siteFile('lab')],
  )
  const paths = fc.oneof(
    { weight: 3, arbitrary: known },
    fc.tuple(
      fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'),
      fc
        .tuple(
          fc.constantFrom(
            '/v1/sites/',
            '/v1/resets/',
            '/v1/sites/lab/operations/',
            '/v1/tokens/',
            '/v1/sites/lab/tests/',
            '/v1/resets?limit=',
            '/v1/resets?cursor=',
            '/v1/resets?site=lab&server=',
            '/v1/operator-log?after=',
            '/v1/audit?site=lab&from=',
            '/v1/audit?format=resetlog&site=lab&tz=',
            '/v1/agents/link?site=',
            '/',
          ),
          nastyText,
        )
        .map(([path, text]) => `${path}${encodeURIComponent(text.toWellFormed())}`),
      nastyJson,
    ),
  ) as fc.Arbitrary<[string, string, unknown]>

  const requests = paths.chain(([method, path, body]) =>
    fc.record({
      method: fc.constant(method),
      path: fc.constant(path),
      body: fc.oneof(
        { weight: 5, arbitrary: bent(body).map((value) => JSON.stringify(value)) },
        garbled(JSON.stringify(body)),
        nastyJson.map((value) => JSON.stringify(value)),
        nastyText,
      ),
      headers: fc.dictionary(
        fc.constantFrom('idempotency-key', 'last-event-id', 'user-agent', 'content-type', 'accept'),
        fc.oneof(fc.constantFrom('"k"', 'application/json', 'x'.repeat(8000)), nastyText),
      ),
    }),
  )

  test('every answer to any body, header and path is an answer, and no error of ours', async () => {
    let keys = 0
    await fuzz({ title: 'REST', withinMs: 10_000 }, requests, async (asked) => {
      const { method, path, body, headers } = asked
      faults.length = 0
      const sent = new Headers({ 'content-type': 'application/json' })
      sent.set('authorization', `Bearer ${plane.admin}`)
      sent.set('idempotency-key', `key-${++keys}`)
      for (const [name, value] of Object.entries(headers)) {
        // What no HTTP message can carry is not sent.
        sent.set(name, value.replace(/[^\t\x20-\xff]/g, '?').trim())
      }
      const hasBody = !['GET', 'HEAD'].includes(method)
      const answer = await own.app.request(path, {
        method,
        headers: sent,
        ...(hasBody ? { body } : {}),
      })
      const text = await answer.text()
      expect([faults, answer.status < 500]).toEqual([[], true])
      if (answer.status < 400 || method === 'HEAD') return
      expect(answer.headers.get('content-type')).toContain('application/problem+json')
      expect(JSON.parse(text)).toMatchObject({ code: expect.any(String), status: answer.status })
      expect(text.length).toBeLessThan(200_000)
    })
    expect(Object.prototype).not.toHaveProperty('polluted')
  })

  test('any bytes on the port leave a control plane that answers', async () => {
    const { port } = new URL(plane.url)
    const good = `POST /v1/resets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`
    const upgrade =
      'GET /v1/agents/link?site=lab HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\u0081\u0085abcdefghi'
    const bytes = fc.oneof(garbled(good), garbled(upgrade), nastyText)
    await fuzz({ title: 'HTTP bytes' }, bytes, async (text) => {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => {})
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.end(Buffer.from(text, 'latin1'))
      socket.resume()
      const late = setTimeout(() => socket.destroy(), 50)
      await closed
      clearTimeout(late)
    })
    expect((await plane.ask('/healthz')).status).toBe(200)
  })

  test('any messages of an agent end its link at most', async () => {
    const messages = fc.array(
      fc.oneof(
        nastyJson.map((value) => JSON.stringify(value)),
        nastyText,
        bent({ type: 'journalled', order: 'rst_0123456789abcdefghjkmnpqrs' }).map((m) =>
          JSON.stringify(m),
        ),
        bent({ type: 'report', records: [{ seq: 1 }], head: 'a.b.c' }).map((m) =>
          JSON.stringify(m),
        ),
        bent({ type: 'hello', token: 'a.b.c' }).map((m) => JSON.stringify(m)),
      ),
      { minLength: 1, maxLength: 4 },
    )
    await fuzz(
      { title: 'link messages' },
      fc.tuple(messages, fc.boolean()),
      async ([said, known]) => {
        if (known) await agent.connect()
        else await agent.dial()
        for (const message of said) agent.send(message)
        agent.hangUp()
      },
    )
    expect(await agent.connect()).toMatchObject({ received: 0 })
    agent.hangUp()
    expect(plane.logged.filter(({ event }) => event === 'hub-failed')).toEqual([])
  })

  test('any well-chained record is stored, whatever it says', async () => {
    const key = await importVerifyingKey(agent.keys.signKey)
    const open = await openOrders(plane)
    const bodies = BODIES.map((body) =>
      'order' in body && body.order !== null ? { ...body, order: open[0] ?? body.order } : body,
    )
    const chain = { site: 'lab', agent: 'HACON1', seq: 0, prev: ZERO_HASH }
    const records = fc.array(
      fc.tuple(
        fc.oneof(
          fc.constantFrom(...bodies).chain((body) => bent<object>(body)),
          fc.dictionary(nastyText, nastyJson, { maxKeys: 5 }),
        ),
        fc.constantFrom(1, 2, 0, 2 ** 40),
        fc.constantFrom(...open),
      ),
      { minLength: 1, maxLength: 5 },
    )
    await plane.database((db) =>
      fuzz({ title: 'records', withinMs: 8000 }, records, async (made) => {
        const batch = made.map(([body, epoch, order], index) => ({
          v: 1,
          start: 1,
          epoch,
          at: nodeClock.wall(),
          kind: 'invented',
          ...body,
          ...('order' in body && typeof body.order === 'string' ? { order } : {}),
          site: 'lab',
          agent: 'HACON1',
          seq: chain.seq + index + 1,
          prev: '',
        }))
        const link = wellChained(batch, chain.prev)
        if (link === undefined) return
        const received = await report(db, agent, { key, records: batch, hash: link })
        if (received === undefined) return
        expect(received).toBe(chain.seq + batch.length)
        Object.assign(chain, { seq: received, prev: link })
      }),
    )
    const shown = await plane.ask('/v1/resets?site=lab')
    expect([shown.status, shown.body.items.length]).toEqual([200, open.length])
    expect((await plane.ask('/v1/audit?site=lab&format=resetlog')).status).toBe(200)
    expect((await plane.ask('/v1/sites/lab/status')).status).toBe(200)
  })
})

async function openOrders(plane: TestPlane): Promise<string[]> {
  const ids: string[] = []
  for (const server of ['PSERVER1', 'PSERVER3']) {
    const body = { site: 'lab', target: { server }, reason: 'x' }
    const answer = await plane.ask('/v1/resets', { method: 'POST', body })
    ids.push(answer.body.id ?? answer.body.reset)
  }
  return ids
}

/** Chains the records; undefined when one is no JSON that could be hashed. */
function wellChained(records: { prev: string }[], before: string): string | undefined {
  let prev = before
  try {
    for (const record of records) {
      record.prev = prev
      prev = hashRecord(record)
    }
    return prev
  } catch {
    return undefined
  }
}

/** Undefined when the report is refused as no report at all. */
async function report(
  db: Db,
  agent: TestAgent,
  { key, records, hash }: { key: VerifyingKey; records: { seq: number }[]; hash: string },
): Promise<number | undefined> {
  const { site, name } = agent
  const seq = records.at(-1)?.seq ?? 0
  const head = await signHead({ v: 1, site, agent: name, seq, hash }, agent.key)
  const message = JSON.parse(JSON.stringify({ type: 'report', records, head }))
  const batch = await readBatch(message, { site, agent: name, key })
  if ('fault' in batch) return undefined
  const now = { nowMs: nodeClock.wallMs(), nowWall: nodeClock.wall() }
  const stored = await storeReport(db, { site, agent: name, kid: key.kid, ...batch, ...now })
  return stored?.received
}
