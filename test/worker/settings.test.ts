import { describe, expect, test } from 'vitest'
import { type Bindings, readBindings } from '../../edge/worker/settings.ts'
import { generateSigningJwk, thumbprint } from '../../protocol/keys.ts'

const HYPERDRIVE = { connectionString: 'postgres://u:a3sf9-bW@db:5432/palisade' } as NonNullable<
  Bindings['HYPERDRIVE']
>
const PALISADE_ADMIN_TOKEN = 'pal_dN9mB4xQy7Wk2Zr8Tc1Vf6Hj3Lp5Sg0Ae-Ui_Oq4Ew'
const PALISADE_SIGNING_KEY = JSON.stringify(await generateSigningJwk())
const OTHER = await generateSigningJwk()
const good = { HYPERDRIVE, PALISADE_ADMIN_TOKEN, PALISADE_SIGNING_KEY }

async function faultsOf(over: object): Promise<string[]> {
  const read = await readBindings({ ...good, ...over })
  return 'faults' in read ? read.faults : []
}

describe('the bindings of the Worker', () => {
  test('are read, with what may be left out', async () => {
    const read = await readBindings(good)
    if ('faults' in read) throw new Error(read.faults.join())
    const { key, ...settings } = read.settings
    expect(settings).toEqual({
      databaseUrl: HYPERDRIVE.connectionString,
      adminToken: PALISADE_ADMIN_TOKEN,
      operatorLogDays: 400,
      sweepEveryMs: 300_000,
    })
    expect(key.sign.kid).toBe(await thumbprint(JSON.parse(PALISADE_SIGNING_KEY)))
  })

  test('that are missing are told all at once, each by its name', async () => {
    const read = await readBindings({})
    const faults = 'faults' in read ? read.faults : []
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      'HYPERDRIVE',
      'PALISADE_SIGNING_KEY',
      'PALISADE_ADMIN_TOKEN',
    ])
  })

  test.each([
    [
      'a database that is no Postgres',
      { HYPERDRIVE: { connectionString: 'mysql://u:secret1@db' } },
    ],
    ['a well-known password', { HYPERDRIVE: { connectionString: 'postgres://u:Postgres@db/x' } }],
    ['a key that is none', { PALISADE_SIGNING_KEY: '{"kty":"OKP","d":"secret1"}' }],
    [
      'the key of RFC 8037',
      {
        PALISADE_SIGNING_KEY: JSON.stringify({
          kty: 'OKP',
          crv: 'Ed25519',
          d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
          x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
        }),
      },
    ],
    [
      'a key whose halves are of two keys',
      { PALISADE_SIGNING_KEY: JSON.stringify({ ...JSON.parse(PALISADE_SIGNING_KEY), x: OTHER.x }) },
    ],
    ['a token that is none', { PALISADE_ADMIN_TOKEN: 'secret1' }],
    ['a token that was typed', { PALISADE_ADMIN_TOKEN: `pal_${'a1'.repeat(30)}` }],
    ['a token of an example', { PALISADE_ADMIN_TOKEN: `${PALISADE_ADMIN_TOKEN}EXAMPLE` }],
    ['a sweep without rest', { PALISADE_SWEEP_S: '1' }],
    ['a log kept for ever', { PALISADE_OPERATOR_LOG_DAYS: 'secret1' }],
    ['a place that there is not', { PALISADE_LOCATION: 'moon' }],
  ])('refuse %s, without repeating it', async (_title, over) => {
    const faults = await faultsOf(over)
    const [name = ''] = Object.keys(over)
    expect(faults).toHaveLength(1)
    expect(faults[0]?.startsWith(name)).toBe(true)
    const secrets = /nWGxne|u:|a1a1|EXAMPLE|d":|secret1|moon/
    expect(faults[0]).not.toMatch(secrets)
  })
})
