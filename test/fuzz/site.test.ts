// Site files as people write them and as strangers might.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { CommandError } from '../../cli/exit.ts'
import { readSiteFile } from '../../cli/site-file.ts'
import { resolveSecrets, secretPlaces } from '../../cli/site-secrets.ts'
import { validateSite } from '../../core/limits.ts'
import { planReset, resolveTarget } from '../../core/planner.ts'
import { diffSite } from '../../core/site-diff.ts'
import { canonicalJson } from '../../protocol/chain.ts'
import { siteFile } from '../edge/site.ts'
import { bent, fuzz, garbled, nastyText } from './fuzz.ts'

const SECRET = 'Xk7secretXk7'

test('any text of a site file gives a document or an error that shows no line of it', async () => {
  const file = siteFile()
  for (const server of file.spec.servers) Object.assign(server.bmc, { password: SECRET })
  const yaml = stringify(file)
  const yamlish = fc
    .array(
      fc.constantFrom(
        '&a ',
        '*a',
        '<<: ',
        '- ',
        '? ',
        ': ',
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '|',
        '!!js ',
        '\n',
        '  ',
        '%YAML 9',
        '---',
        '#',
        SECRET,
      ),
      { maxLength: 60 },
    )
    .map((parts) => parts.join(''))
  const texts = fc.oneof(
    garbled(yaml),
    yamlish,
    nastyText,
    yamlish.map((text) => `${yaml}\n${text}`),
  )
  await fuzz({ title: 'site YAML' }, texts, async (text) => {
    const world = { env: {}, readText: async () => text }
    try {
      const { document, site } = await readSiteFile('site.yaml', world)
      expect(site).not.toBe('')
      const resolved = await resolveSecrets(secretPlaces(document), world, 'site.yaml')
      if ('faults' in resolved) expect(JSON.stringify(resolved)).not.toContain(SECRET)
    } catch (error) {
      expect(error).toBeInstanceOf(CommandError)
      expect(String(error)).not.toContain(SECRET)
    }
  })
})

test('any document is valid or has faults that tell field and rule, and never a value that may be a secret', async () => {
  const file = siteFile()
  const verdict = validateSite(file)
  if ('faults' in verdict) throw new Error(JSON.stringify(verdict.faults))
  const nothing = { openOrders: [], heldFeeds: [], powerOff: [], registeredSystems: [] }
  const documents = fc.tuple(bent<unknown>(file), fc.boolean())
  await fuzz({ title: 'site documents' }, documents, ([document, change]) => {
    const previous = change ? verdict.site : undefined
    const judged = validateSite(document, previous)
    if ('faults' in judged) {
      for (const { pointer, detail, allowed } of judged.faults) {
        expect(`${pointer}${detail}${allowed}`.length).toBeGreaterThan(3)
      }
      expect(JSON.stringify(judged.faults).length).toBeLessThan(500_000)
      return
    }
    canonicalJson(judged.site)
    diffSite(previous, judged.site, nothing)
    for (const { name } of judged.site.spec.servers) {
      const target = resolveTarget(judged.site, { server: name })
      if ('code' in target) continue
      canonicalJson(planReset(judged.site, target, 'ladder'))
    }
  })
  expect(Object.prototype).not.toHaveProperty('polluted')
})

test('a plain secret in any place of a document is never repeated in a fault', async () => {
  const file = siteFile()
  const places = fc.array(fc.constantFrom('password', 'pasword', 'kg', 'community', 'secret'), {
    minLength: 1,
  })
  await fuzz({ title: 'plain secrets', withinMs: 2000 }, places, (fields) => {
    const copy = structuredClone(file)
    for (const field of fields) {
      Object.assign(copy.spec.servers[0]?.bmc ?? {}, { [field]: SECRET })
      Object.assign(copy.spec.pdus[0]?.snmp ?? {}, { [field]: { sealed: SECRET } })
      Object.assign(copy.spec, { [field]: SECRET })
    }
    const judged = validateSite(copy)
    expect(judged).toHaveProperty('faults')
    expect(JSON.stringify(judged)).not.toContain(SECRET)
  })
})
