import { once } from 'node:events'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EnrolmentError, enrol, readEnrolment } from '../../agent/enrolment.ts'
import { openIdentity } from '../../agent/identity.ts'
import { enrolmentRequestSchema, enrolmentTokenText } from '../../protocol/enrolment.ts'
import {
  generateSigningJwk,
  importOpeningKey,
  importSealingKey,
  publicSigningJwk,
  thumbprint,
} from '../../protocol/keys.ts'
import { openSealed, sealSecret } from '../../protocol/seal.ts'
import { place } from './journal-place.ts'

const SECRET = 'c2VjcmV0LW9mLWVucm9sbWVudA'

interface Answer {
  status?: number
  body: unknown
}

async function controlPlane(answer: (body: unknown) => Answer) {
  const seen: { path: string; headers: IncomingMessage['headers']; body: string }[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    seen.push({ path: request.url ?? '', headers: request.headers, body })
    const { status = 200, body: said } = answer(JSON.parse(body))
    response.writeHead(status, {
      'content-type': 'application/json',
      location: 'http://127.0.0.1:1/',
    })
    response.end(typeof said === 'string' ? said : JSON.stringify(said))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, seen }
}

async function prepared() {
  const key = publicSigningJwk(await generateSigningJwk())
  const token = enrolmentTokenText({ secret: SECRET, fingerprint: await thumbprint(key) })
  const identity = await openIdentity(await place())
  return { key, token, identity, name: 'HACON1', version: '0.1.0' }
}

describe('enrolment', () => {
  test('pins the key that the token names and remembers all over a restart', async () => {
    const { key, ...options } = await prepared()
    const other = publicSigningJwk(await generateSigningJwk())
    const { identity } = options
    const { url, seen } = await controlPlane(() => ({
      body: {
        site: 'tokyo1',
        name: 'HACON1',
        controlPlaneKeys: [other, key],
        siteKey: identity.siteKey,
      },
    }))
    const enrolment = await enrol({ ...options, url: `${url}/` })
    const expected = { site: 'tokyo1', name: 'HACON1', siteKey: identity.siteKey, url }
    expect(enrolment).toEqual({ ...expected, controlPlaneKeys: [key] })
    expect(await readEnrolment(identity.directory)).toEqual(enrolment)
    expect(seen.map(({ path }) => path)).toEqual(['/v1/agents/enroll'])
    const body = enrolmentRequestSchema.parse(JSON.parse(seen[0]?.body ?? ''))
    expect(body).toMatchObject({ token: options.token, name: 'HACON1', version: '0.1.0' })
    expect(seen[0]?.body).not.toContain('"d"')
    expect(JSON.stringify(seen[0]?.headers)).not.toContain(SECRET)
    await expect(enrol({ ...options, url })).rejects.toThrow(/already enrolled as HACON1/)
  })

  test('refuses a control plane with another key than the token names, and stores nothing', async () => {
    const { key: _, ...options } = await prepared()
    const other = publicSigningJwk(await generateSigningJwk())
    const { url } = await controlPlane(() => ({
      body: {
        site: 'tokyo1',
        name: 'HACON1',
        controlPlaneKeys: [other],
        siteKey: options.identity.siteKey,
      },
    }))
    await expect(enrol({ ...options, url })).rejects.toThrow(/another key than the token names/)
    expect(await readEnrolment(options.identity.directory)).toBeUndefined()
  })

  test.each([
    [401, /make a new one/],
    [404, /not the base URL/],
    [409, /choose the name of a management server/],
    [302, /look at the name/],
    [503, /try again later with the same token/],
    [200, /not a control plane that this version/],
  ])('a refusal with %i says what to do next', async (status, next) => {
    const { key: _, ...options } = await prepared()
    const { url, seen } = await controlPlane(() => ({ status, body: { detail: 'because' } }))
    const failed = enrol({ ...options, url })
    await expect(failed).rejects.toThrow(EnrolmentError)
    await expect(failed).rejects.toThrow(next)
    expect(seen.length).toBe(1)
  })

  test('no error holds the token, whatever the server echoes', async () => {
    const { key: _, ...options } = await prepared()
    const { url } = await controlPlane((body) => ({
      status: 400,
      body: { code: 'bad', detail: `cannot use ${JSON.stringify(body)}` },
    }))
    for (const wrong of [
      { url },
      { url: 'http://127.0.0.1:1' },
      { url: 'http://example.test' },
      { url, token: `${options.token}x` },
    ]) {
      const error: unknown = await enrol({ ...options, ...wrong }).catch((why: unknown) => why)
      expect(error).toBeInstanceOf(EnrolmentError)
      expect(`${String(error)}${JSON.stringify(error)}`).not.toContain(SECRET)
    }
  })

  test.each([
    ['ftp://host', /must begin with https/],
    ['nonsense', /must begin with https/],
    ['http://192.0.2.1', /unencrypted/],
    ['https://user:pass@host', /no account/],
  ])('the URL %s is refused before anything is sent', async (url, why) => {
    const { key: _, ...options } = await prepared()
    await expect(enrol({ ...options, url })).rejects.toThrow(why)
  })

  test('an answer without end is cut off', async () => {
    const { key: _, ...options } = await prepared()
    const { url } = await controlPlane(() => ({ body: 'x'.repeat(300_000) }))
    await expect(enrol({ ...options, url })).rejects.toThrow(/longer than/)
  })
})

describe('identity', () => {
  test('is made once and kept, readable by its owner alone', async () => {
    const directory = await place()
    const first = await openIdentity(directory)
    const second = await openIdentity(directory)
    expect(second.signing.kid).toBe(first.signing.kid)
    expect(second.sealKey).toEqual(first.sealKey)
    expect(second.siteKey).toEqual(first.siteKey)
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    for (const name of await readdir(directory)) {
      expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600)
    }
  })

  test('opens what was sealed to the site key that it offers', async () => {
    const identity = await openIdentity(await place())
    const scope = { site: 'tokyo1', purpose: 'bmc' }
    const sealed = await sealSecret('s', scope, await importSealingKey(identity.siteKey))
    expect(await openSealed(sealed, scope, identity.siteOpening)).toEqual({ secret: 's' })
    expect(await openSealed(sealed, scope, identity.opening)).toMatchObject({
      refused: 'wrong-key',
    })
  })

  test('that others may read, or that is damaged, is refused without showing it', async () => {
    const directory = await place()
    await openIdentity(directory)
    const path = join(directory, 'identity.json')
    const text = await readFile(path, 'utf8')
    await chmod(path, 0o640)
    await expect(openIdentity(directory)).rejects.toThrow(/open to other users; chmod 600/)
    await chmod(path, 0o600)
    await writeFile(path, text.replace('"kty":"OKP"', '"kty":"RSA"'))
    const error: unknown = await openIdentity(directory).catch((reason: unknown) => reason)
    expect(String(error)).toMatch(/damaged/)
    const { d } = JSON.parse(text).sign
    await expect(importOpeningKey({ ...JSON.parse(text).seal, d: 7 })).rejects.not.toThrow(d)
    expect(String(error)).not.toContain(d)
  })
})
