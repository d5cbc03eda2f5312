// The API with a real agent behind it: keys, refusals, tokens, bad input, crossing requests, long poll, events.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ResetView } from '../../protocol/reset-view.ts'
import type { Answer, Api, Problem } from './api.ts'
import { EventStream } from './event-stream.ts'
import { ownPostgres } from './own-postgres.ts'
import { startLabSite } from './palisade.ts'
import { Closing } from './programs.ts'

const closing = new Closing()
let rig: Awaited<ReturnType<typeof startLabSite>>
let api: Api

beforeAll(async () => {
  rig = await startLabSite(closing, await ownPostgres(closing))
  api = rig.api
  // So that a ladder stays open for the whole timer.
  await rig.lab.oracle.breakServer('PSERVER6', { noKdump: true })
}, 120_000)

afterAll(() => closing.run())

function expectProblem(answer: Answer, status: number, code: string): Problem {
  expect(answer, answer.text).toMatchObject({ status, json: { status, code } })
  expect(answer.type).toMatch(/^application\/problem\+json/)
  return answer.json as Problem
}

const resetBody = (target: object, more: object = {}) => ({
  site: 'lab',
  target,
  reason: 'end to end',
  ...more,
})
const post = (content: object, asking?: Parameters<Api['ask']>[3]) =>
  api.ask('POST', '/v1/resets', content, asking)

describe('the guarded pair', () => {
  test('of two requests that cross in the same instant exactly one runs', async () => {
    const ask = (target: number, requester: number) =>
      post(resetBody({ system: target, cluster: 'db' }, { requester: { system: requester } }))
    const answers = await Promise.all([ask(10001, 10002), ask(10002, 10001)])
    const [accepted, refused] = answers.toSorted((a, b) => a.status - b.status)
    const told = answers.map(({ text }) => text).join()
    expect([accepted?.status, refused?.status], told).toEqual([202, 409])
    const problem = refused?.json as Problem
    expect(['pair-guard', 'requester-being-reset']).toContain(problem.code)
    expect(problem.result).toBe('FAIL')

    const { id, server } = (accepted as Answer).json as ResetView
    expect(await api.end(id)).toMatchObject({ status: 'complete', fenced: true })
    const [one, two] = await Promise.all(
      ['PSERVER1', 'PSERVER2'].map((name) => rig.lab.oracle.server(name)),
    )
    const hit = [one, two].filter((machine) => (machine?.bmc.executed.nmi ?? 0) > 0)
    expect(hit.map((machine) => machine?.name)).toEqual([server])
  })
})

describe('the idempotency key', () => {
  const body = resetBody({ server: 'PSERVER6' })
  let first: ResetView

  test('of a request that comes again answers the same reset, and one machine is reset once', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => post(body, { key: 'again' })))
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202])
    const ids = answers.map(({ json }) => (json as ResetView).id)
    expect(new Set(ids).size).toBe(1)
    first = answers[0]?.json as ResetView
    expect(answers[0]?.headers.get('location')).toBe(`/v1/resets/${first.id}`)
  })

  test('with another body is refused with 422', async () => {
    const other = { ...body, reason: 'something else' }
    expectProblem(await post(other, { key: 'again' }), 422, 'idempotency-key-reused')
    const target = resetBody({ server: 'PSERVER5' })
    expectProblem(await post(target, { key: 'again' }), 422, 'idempotency-key-reused')
  })

  test('another one while the reset is open is refused with 409 and the id of the open one', async () => {
    const problem = expectProblem(await post(body), 409, 'reset-already-open')
    expect(problem).toMatchObject({ reset: first.id, result: 'FAIL' })
  })

  test('is needed', async () => {
    const answer = await fetch(`${api.url}/v1/resets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ code: 'idempotency-key-missing' })
  })

  test('answers the ended reset still, and the machine was reset once', async () => {
    const end = await api.end(first.id)
    expect(end).toMatchObject({ status: 'complete', result: 'REBOOT' })
    const again = await post(body, { key: 'again' })
    expect(again).toMatchObject({ status: 202, json: { id: first.id, result: 'REBOOT' } })
    const { bmc } = await rig.lab.oracle.server('PSERVER6')
    expect(bmc.executed).toMatchObject({ nmi: 1, reset: 1 })
  })
})

describe('tokens', () => {
  test('a wrong one, none, and an empty one are 401', async () => {
    for (const headers of [{ authorization: 'Bearer pal_wrong' }, { authorization: '' }]) {
      const answer = await api.ask('GET', '/v1/sites/lab/status', undefined, { headers })
      expectProblem(answer, 401, 'unauthorized')
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    }
  })

  test('one that may read sees everything and stops nothing', async () => {
    const reader = api.as(await api.makeToken({ name: 'reader', scope: 'read' }))
    expect((await reader.status()).servers).toHaveLength(6)
    const answer = await reader.ask('POST', '/v1/resets', resetBody({ server: 'PSERVER5' }))
    expectProblem(answer, 403, 'forbidden')
    const restore = await reader.ask('POST', '/v1/sites/lab/servers/PSERVER3/restore')
    expectProblem(restore, 403, 'forbidden')
    expectProblem(await reader.ask('GET', '/v1/tokens'), 403, 'forbidden')
  })

  test('one for a cluster stops systems of that cluster and no other', async () => {
    const scope = { scope: 'operate', site: 'lab', cluster: 'web' }
    const operator = api.as(await api.makeToken({ name: 'web-ha', ...scope }))
    const foreign = await operator.ask('POST', '/v1/resets', resetBody({ server: 'PSERVER3' }))
    expectProblem(foreign, 403, 'forbidden')
    const own = await operator.reset({ target: { system: 10021, cluster: 'web' } })
    expect(own).toMatchObject({ server: 'PSERVER5', requestedBy: 'key:web-ha' })
    expect(await api.end(own.id)).toMatchObject({ fenced: true })
    expect((await rig.lab.oracle.server('PSERVER3')).bmc.executed).toMatchObject({
      nmi: 0,
      reset: 0,
    })
  })

  test('to one of another site this one is not there', async () => {
    const token = await api.makeToken({ name: 'elsewhere', scope: 'operate', site: 'elsewhere' })
    const stranger = api.as(token)
    const { items } = await api.get<{ items: ResetView[] }>('/v1/resets?limit=1')
    const [known] = items
    for (const path of ['/v1/sites/lab', '/v1/sites/lab/status', '/v1/audit?site=lab']) {
      expectProblem(await stranger.ask('GET', path), 404, 'unknown-site')
    }
    expectProblem(await stranger.ask('GET', `/v1/resets/${known?.id}`), 404, 'unknown-reset')
    const reset = await stranger.ask('POST', '/v1/resets', resetBody({ server: 'PSERVER5' }))
    expectProblem(reset, 404, 'unknown-site')
    expect(await stranger.get('/v1/resets')).toMatchObject({ items: [] })
  })

  test('a revoked one is refused from then on', async () => {
    const made = await api.ask('POST', '/v1/tokens', { name: 'brief', scope: 'read' })
    const { id, token } = made.json as { id: string; token: string }
    const brief = api.as(token)
    expect((await brief.ask('GET', '/v1/sites')).status).toBe(200)
    expect((await api.ask('DELETE', `/v1/tokens/${id}`)).status).toBe(204)
    expectProblem(await brief.ask('GET', '/v1/sites'), 401, 'unauthorized')
  })
})

describe('bad input', () => {
  test('a body beyond the limit is 413', async () => {
    const body = JSON.stringify(resetBody({ server: 'PSERVER5' }, { reason: 'x'.repeat(70_000) }))
    expectProblem(await post({}, { body }), 413, 'payload-too-large')
  })

  test.each(['{', 'null x', '{"site":"lab",}', '\u0000'])('%j for a body is 400', async (body) => {
    expectProblem(await post({}, { body }), 400, 'malformed-json')
  })

  test('a field too many, too few or of the wrong kind is 400 with a pointer to it', async () => {
    const { site: _, ...siteless } = resetBody({ server: 'PSERVER5' })
    const cases = [
      [siteless, '/site'],
      [resetBody({ server: 'PSERVER5' }, { mode: 'gentle' }), '/mode'],
      [resetBody({ server: 'PSERVER5' }, { reason: '' }), '/reason'],
      [resetBody({ server: 'PSERVER5' }, { force: true }), ''],
      [resetBody({ system: 'one' }), '/target'],
    ] as const
    for (const [body, pointer] of cases) {
      const answer = await post(body)
      expectProblem(answer, 400, 'invalid-request')
      const { errors } = answer.json as { errors: { pointer: string }[] }
      expect(
        errors.some((error) => error.pointer.startsWith(pointer)),
        answer.text,
      ).toBe(true)
    }
  })

  test('what is not there is 404, what may not be done there is 405', async () => {
    expectProblem(await api.ask('GET', '/v1/nothing'), 404, 'not-found')
    expectProblem(await api.ask('GET', '/nothing'), 404, 'not-found')
    expectProblem(await api.ask('GET', '/v1/resets/rst_none'), 404, 'unknown-reset')
    expectProblem(await post(resetBody({ server: 'NOBODY' })), 404, 'unknown-server')
    const answer = await api.ask('DELETE', '/v1/resets')
    expectProblem(answer, 405, 'method-not-allowed')
    expect(answer.headers.get('allow')).toMatch(/POST/)
  })
})

describe('whoever waits', () => {
  test('hears at once that the target is fenced', async () => {
    const delays: number[] = []
    for (const server of ['PSERVER5', 'PSERVER6', 'PSERVER5']) {
      const { id } = await api.reset({ target: { server } })
      const waiting = ['a', 'b', 'c'].map(async () => {
        const { fencedAt } = await api.view(id, 30)
        return Date.now() - Date.parse(fencedAt ?? '')
      })
      delays.push(...(await Promise.all(waiting)))
      await api.end(id)
    }
    delays.sort((a, b) => a - b)
    expect(delays.every((delay) => delay >= 0)).toBe(true)
    // The middle one: a busy machine may hold up a single answer.
    expect(delays[4], delays.join(' ')).toBeLessThan(1000)
  })

  test('gets the state as it is when the time is over', async () => {
    const { id } = await api.reset({ target: { server: 'PSERVER6' } })
    const before = performance.now()
    expect(await api.view(id, 1)).toMatchObject({ fenced: false, endedAt: null })
    const waitedMs = performance.now() - before
    expect(waitedMs).toBeGreaterThanOrEqual(990)
    expect(waitedMs).toBeLessThan(4000)
    await api.end(id)
  })
})

describe('the event stream', () => {
  test('tells a reset as it goes on, and a reader that comes back misses and repeats nothing', async () => {
    const whole = await EventStream.open(api)
    const early = await EventStream.open(api)
    closing.add(() => whole.close())
    closing.add(() => early.close())
    const one = await api.reset({ target: { server: 'PSERVER5' } })
    const isOf = (id: string) => (event: { content: { payload: Record<string, unknown> } }) =>
      event.content.payload['id'] === id
    const seen = await early.find('the first event of the reset', isOf(one.id))
    early.close()
    await api.end(one.id)
    const two = await api.reset({ target: { server: 'PSERVER5' } })
    await api.end(two.id)
    const ended = ({ content }: { content: { payload: Record<string, unknown> } }) =>
      isOf(two.id)({ content }) && content.payload['status'] === 'complete'
    await whole.find('the end of the second reset', ended)
    const back = await EventStream.open(api, { after: seen.id })
    closing.add(() => back.close())
    const last = await back.find('the end of the second reset', ended)

    const told = whole.events.filter(({ id }) => id > seen.id && id <= last.id)
    expect(back.events.filter(({ id }) => id <= last.id)).toEqual(
      told.map((event) => ({ ...event, at: expect.any(Number) })),
    )
    const ids = whole.events.map(({ id }) => id)
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
    expect(whole.events.filter(isOf(one.id)).length).toBeGreaterThanOrEqual(2)
  })

  test('of one site tells nothing of another', async () => {
    const token = await api.makeToken({ name: 'deaf', scope: 'read', site: 'elsewhere' })
    const stream = await EventStream.open(api.as(token))
    closing.add(() => stream.close())
    const whole = await EventStream.open(api)
    closing.add(() => whole.close())
    const { id } = await api.reset({ target: { server: 'PSERVER5' } })
    await whole.find('the reset', ({ content }) => content.payload['id'] === id)
    await api.end(id)
    expect(stream.events).toEqual([])
  })
})
