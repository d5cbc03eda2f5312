import { describe, expect, test } from 'vitest'
import { sealSecrets } from '../../cli/seal-site.ts'
import { openMemory } from '../../cli/sealed-memory.ts'
import { resolveSecrets, secretPlaces } from '../../cli/site-secrets.ts'
import { validateSite } from '../../core/limits.ts'
import { SEAL_PURPOSE } from '../../protocol/credential.ts'
import {
  generateSealingJwk,
  importOpeningKey,
  importSealingKey,
  publicSealingJwk,
} from '../../protocol/keys.ts'
import { openSealed } from '../../protocol/seal.ts'
import { nodeRandom } from '../../runtime/node.ts'
import { rawSite, SEALED, withValue } from '../core/sample-site.ts'

const FILES: Record<string, string> = { '/site/p2': 'from-file\n', '/run/kg': 'ab'.repeat(20) }
const WORLD = {
  env: { P1: 'from-env' },
  readText: async (path: string) => {
    const text = FILES[path]
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return text
  },
}

const rawV3 = () => ({
  version: 3,
  user: 'palisade',
  level: 'authPriv',
  auth: { protocol: 'sha', password: 'auth-password' },
  priv: { protocol: 'aes', password: 'priv-password' },
})

/** The sample with a credential of every kind and every form. */
function withSecrets(): unknown {
  const places: [string, unknown][] = [
    ['/spec/managementServers/0/bmc/password', 'plain text'],
    ['/spec/servers/0/bmc/password', { env: 'P1' }],
    ['/spec/servers/0/bmc/kg', { file: '/run/kg' }],
    ['/spec/servers/1/bmc/password', { file: 'p2' }],
    ['/spec/servers/2/hypervisor/password', 'root-password'],
    ['/spec/pdus/0/snmp/community', 'public'],
    ['/spec/pdus/1/snmp', rawV3()],
  ]
  return places.reduce((doc, [at, value]) => withValue(doc, at, value), rawSite() as unknown)
}

async function resolved(document: unknown) {
  return await resolveSecrets(secretPlaces(document), WORLD, '/site/site.yaml')
}

const EXPECTED: [pointer: string, purpose: string, secret: string][] = [
  ['/spec/managementServers/0/bmc/password', SEAL_PURPOSE.bmcPassword, 'plain text'],
  ['/spec/servers/0/bmc/password', SEAL_PURPOSE.bmcPassword, 'from-env'],
  ['/spec/servers/0/bmc/kg', SEAL_PURPOSE.bmcKg, 'ab'.repeat(20)],
  ['/spec/servers/1/bmc/password', SEAL_PURPOSE.bmcPassword, 'from-file'],
  ['/spec/servers/2/hypervisor/password', SEAL_PURPOSE.hypervisorPassword, 'root-password'],
  ['/spec/pdus/0/snmp/community', SEAL_PURPOSE.snmpCommunity, 'public'],
  ['/spec/pdus/1/snmp/auth/password', SEAL_PURPOSE.snmpAuth, 'auth-password'],
  ['/spec/pdus/1/snmp/priv/password', SEAL_PURPOSE.snmpPriv, 'priv-password'],
]

async function siteKey() {
  const jwk = await generateSealingJwk()
  return {
    key: await importSealingKey(publicSealingJwk(jwk)),
    opening: await importOpeningKey(jwk),
  }
}

function valueAt(document: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((place, key) => Reflect.get(Object(place), key), document)
}

test('every credential is found in every form, and what is sealed already is left alone', async () => {
  const found = await resolved(withSecrets())
  const secrets = 'secrets' in found ? found.secrets : []
  expect(secrets.map(({ pointer, purpose, secret }) => [pointer, purpose, secret])).toEqual(
    EXPECTED,
  )
})

test('the sealed document holds no secret, passes the limits, and opens with the private key only', async () => {
  const document = withSecrets()
  const found = await resolved(document)
  const { key, opening } = await siteKey()
  await sealSecrets('secrets' in found ? found.secrets : [], { site: 'tokyo1', key })
  const text = JSON.stringify(document)
  for (const [pointer, purpose, secret] of EXPECTED) {
    expect(text).not.toContain(secret)
    const { sealed } = valueAt(document, pointer) as { sealed: string }
    expect(await openSealed(sealed, { site: 'tokyo1', purpose }, opening)).toEqual({ secret })
    const stranger = (await siteKey()).opening
    expect(await openSealed(sealed, { site: 'tokyo1', purpose }, stranger)).toHaveProperty(
      'refused',
    )
  }
  expect(validateSite(document)).toHaveProperty('site')
})

describe('a credential that cannot be used', () => {
  test.each([
    ['a variable that is not set', { env: 'GONE' }, 'the variable GONE is not set'],
    ['a file that is not there', { file: 'gone' }, 'the file gone cannot be read (ENOENT)'],
    ['a number', 12_345_678, 'must stand in quotes'],
    ['two sources', { env: 'P1', file: 'p2' }, 'the secret must be a text'],
    ['an unknown source', { vault: 'x' }, 'the secret must be a text'],
    ['a list', ['hunter2'], 'the secret must be a text'],
    ['an IPMI password over the cap', 'hunter2'.repeat(3), '1 to 20 printable ASCII characters'],
    ['an empty text', '', '1 to 20 printable ASCII characters'],
  ])('%s is told at its place and not repeated', async (_title, value, message) => {
    const document = withValue(rawSite(), '/spec/servers/0/bmc/password', value)
    const found = await resolved(document)
    const [fault] = 'faults' in found ? found.faults : []
    expect(fault?.pointer).toBe('/spec/servers/0/bmc/password')
    expect(fault?.detail).toContain(message)
    expect(JSON.stringify(found)).not.toContain('hunter2')
  })

  test('all of them are told at once', async () => {
    const one = withValue(rawSite(), '/spec/servers/0/bmc/password', { env: 'GONE' })
    const found = await resolved(withValue(one, '/spec/pdus/0/snmp/community', 'with space'))
    expect('faults' in found && found.faults.map(({ pointer }) => pointer)).toEqual([
      '/spec/servers/0/bmc/password',
      '/spec/pdus/0/snmp/community',
    ])
  })
})

test('a document of any other shape has no credentials to find', () => {
  for (const shape of [
    null,
    1,
    'x',
    [],
    { spec: 1 },
    { spec: { servers: [null, 1, { bmc: 'x' }] } },
  ]) {
    expect(secretPlaces(shape)).toEqual([])
  }
})

describe('the memory of what was sealed', () => {
  const random = nodeRandom

  async function sealedWith(
    text: string | undefined,
    key: Awaited<ReturnType<typeof siteKey>>['key'],
  ) {
    const document = withSecrets()
    const found = await resolved(document)
    const readText = async () => {
      if (text === undefined) throw new Error('no such file')
      return text
    }
    const memory = await openMemory('/memory', 'tokyo1', { readText, random })
    await sealSecrets('secrets' in found ? found.secrets : [], { site: 'tokyo1', key }, memory)
    return { document, text: memory.toText() }
  }

  test('gives an unchanged credential its former text back, and holds none in the clear', async () => {
    const { key } = await siteKey()
    const first = await sealedWith(undefined, key)
    const second = await sealedWith(first.text, key)
    expect(second.document).toEqual(first.document)
    for (const [, , secret] of EXPECTED) expect(first.text).not.toContain(secret)
    expect(SEALED.sealed).not.toBe('')
  })

  test('is of no use to another key', async () => {
    const first = await sealedWith(undefined, (await siteKey()).key)
    const other = await sealedWith(first.text, (await siteKey()).key)
    for (const [pointer] of EXPECTED) {
      expect(valueAt(other.document, pointer)).not.toEqual(valueAt(first.document, pointer))
    }
  })

  test('two places with one password have two texts', async () => {
    const { key } = await siteKey()
    const { document } = await sealedWith(undefined, key)
    const texts = EXPECTED.map(([pointer]) => JSON.stringify(valueAt(document, pointer)))
    expect(new Set(texts).size).toBe(EXPECTED.length)
  })

  test('a damaged memory is an empty one', async () => {
    const { key } = await siteKey()
    const { document } = await sealedWith('{"v":1,"salt":"x"', key)
    expect(validateSite(document)).toHaveProperty('site')
  })
})
