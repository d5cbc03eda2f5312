import { describe, expect, test } from 'vitest'
import { CommandError } from '../../cli/exit.ts'
import { readSiteFile } from '../../cli/site-file.ts'

function read(text: string) {
  return readSiteFile('site.yaml', { readText: async () => text })
}

async function messageOf(text: string): Promise<string> {
  const error = await read(text).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(CommandError)
  expect(error).toHaveProperty('exit', 2)
  return String(error)
}

test('a bare off is the word, not false', async () => {
  const { document, site } = await read('metadata: { name: lab }\nspec: { hardResetAfterMs: off }')
  expect(site).toBe('lab')
  expect(document).toMatchObject({ spec: { hardResetAfterMs: 'off' } })
})

test('JSON is read as well', async () => {
  expect((await read('{"metadata":{"name":"lab"}}')).document).toEqual({
    metadata: { name: 'lab' },
  })
})

test('what an alias shares becomes two separate objects', async () => {
  const { document } = await read(`
metadata: { name: lab }
a: &bmc { protocol: ipmi, password: one }
b: { <<: *bmc, password: two }
c: *bmc`)
  const { a, b, c } = document as Record<string, object>
  expect(b).toEqual({ protocol: 'ipmi', password: 'two' })
  expect(c).toEqual(a)
  expect(c).not.toBe(a)
})

describe('a file that cannot be used', () => {
  test.each([
    ['an unclosed quote', 'metadata: { name: lab }\npassword: "hunter2\n'],
    ['a bad indent', 'metadata:\n  name: lab\n password: hunter2'],
    ['a key that stands twice', 'metadata: { name: lab }\npassword: hunter2\npassword: hunter2'],
    ['no site name', 'password: hunter2'],
    ['a list', '- hunter2'],
    ['nothing', ''],
    ['an alias to nothing', 'metadata: { name: lab }\npassword: *hunter2'],
  ])('%s is told by its place and never repeated', async (_title, text) => {
    const message = await messageOf(text)
    expect(message).toContain('site.yaml')
    expect(message).not.toContain('hunter2')
  })

  test('aliases that multiply are refused before they fill the memory', async () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const inner = level === 0 ? 'x' : `*l${level - 1}`
      return `l${level}: &l${level} [${Array(10).fill(inner).join(', ')}]`
    })
    expect(await messageOf(`metadata: { name: lab }\n${levels.join('\n')}`)).toContain('aliases')
  })

  test('a missing file is told with the system code', async () => {
    const readText = () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOENT' }))
    await expect(readSiteFile('gone.yaml', { readText })).rejects.toThrow(
      'site file gone.yaml: it cannot be read (ENOENT)',
    )
  })
})
