import { expect, test } from 'vitest'
import { isReadable, placeOf, placeOfBody, refuse } from '../../edge/worker/router.ts'

const at = (method: string, path: string) => {
  const place = placeOf(method, new URL(path, 'https://palisade.test'))
  return 'site' in place ? place.site : place.at
}

test.each([
  ['GET', '/v1/sites/lab', 'lab'],
  ['PUT', '/v1/sites/lab?dryRun=true', 'lab'],
  ['POST', '/v1/sites/tokyo%2D1/servers/S%2F1/restore', 'tokyo-1'],
  ['GET', '/v1/agents/link?site=lab&agent=HACON1', 'lab'],
  ['GET', '/v1/events?site=lab', 'lab'],
  ['GET', '/v1/audit?site=lab&format=resetlog', 'lab'],
  ['GET', '/v1/resets?site=lab', 'lab'],
  ['POST', '/v1/resets?site=elsewhere', 'body'],
  ['GET', '/v1/resets/rst_0123456789abcdefghjkmnpqrs', 'reset'],
  ['GET', '/v1/resets', 'desk'],
  ['GET', '/v1/resets/rst_0', 'desk'],
  ['GET', '/v1/sites', 'desk'],
  ['GET', '/v1/tokens', 'desk'],
  ['POST', '/v1/agents/enroll', 'desk'],
  ['GET', '/v1/events', 'desk'],
  ['GET', '/metrics', 'desk'],
  ['GET', '/', 'desk'],
])('%s %s is answered by %s', (method, path, place) => {
  expect(at(method, path)).toBe(place)
})

test.each([
  '/v1/sites/%E0%A4%A',
  `/v1/sites/${'x'.repeat(61)}`,
  '/v1/sites/..%2Flab',
  '/v1/sites//status',
  '/v1/agents/link?site=',
  '/v1/agents/link?site=a%00b',
])('for %s, which cannot be a site, no object is made', (path) => {
  expect(at('GET', path)).toBe('desk')
})

const bytes = (text: string) => new TextEncoder().encode(text).buffer as ArrayBuffer

test.each([
  ['{"site":"lab"}', { at: 'site', site: 'lab' }],
  ['{"site":"lab","site":"b"}', { at: 'site', site: 'b' }],
  ['{"site":7}', { at: 'desk' }],
  ['{"site":"a b"}', { at: 'desk' }],
  ['{"target":{"site":"lab"}}', { at: 'desk' }],
  ['"lab"', { at: 'desk' }],
  ['null', { at: 'desk' }],
  ['{', { at: 'desk' }],
])('a body %s goes where its site is, or to a desk that judges it', (body, place) => {
  expect(placeOfBody(bytes(body))).toEqual(place)
})

const ask = (path: string, init: RequestInit = {}) =>
  new Request(`https://palisade.test${path}`, init)
const refusal = (request: Request) => refuse(request, new URL(request.url))?.status

test('a read without a token wakes nobody', () => {
  expect(refusal(ask('/v1/sites/lab'))).toBe(401)
  expect(refusal(ask('/metrics'))).toBe(401)
  expect(refusal(ask('/v1/sites/lab', { headers: { authorization: 'Basic abc' } }))).toBe(401)
  expect(
    refusal(ask('/v1/sites/lab', { headers: { authorization: 'Bearer abc' } })),
  ).toBeUndefined()
})

test('what asks for no token goes through, and so do changes, which the operator log keeps', () => {
  for (const path of ['/healthz', '/openapi.json', '/v1/keys', '/v1/agents/link?site=lab']) {
    expect(refusal(ask(path)), path).toBeUndefined()
  }
  expect(refusal(ask('/v1/tokens/tok_1', { method: 'DELETE' }))).toBeUndefined()
})

test('a body whose length was not announced is refused', () => {
  expect(refusal(ask('/v1/agents/enroll', { method: 'POST', body: '{}' }))).toBe(411)
  const announced = { 'content-length': '2' }
  const request = ask('/v1/agents/enroll', { method: 'POST', body: '{}', headers: announced })
  expect(refusal(request)).toBeUndefined()
  expect(isReadable(request)).toBe(true)
  const longer = { 'content-length': '65537' }
  expect(isReadable(ask('/v1/resets', { method: 'POST', body: '{}', headers: longer }))).toBe(false)
})
