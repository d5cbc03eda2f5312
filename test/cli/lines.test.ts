import fc from 'fast-check'
import { expect, test } from 'vitest'
import { boundedLines } from '../../cli/lines.ts'

async function linesOf(chunks: Uint8Array[], max: number): Promise<string[]> {
  async function* stream() {
    yield* chunks
  }
  const lines: string[] = []
  for await (const line of boundedLines(stream(), max)) lines.push(line)
  return lines
}

test('lines do not depend on how the stream was cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' }).filter((line) => !line.includes('\n'))),
      fc.integer({ min: 1, max: 7 }),
      async (lines, size) => {
        const text = lines.map((line) => `${line}\n`).join('')
        const bytes = new TextEncoder().encode(text)
        const chunks: Uint8Array[] = []
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size))
        expect(await linesOf(chunks, 10_000)).toEqual(lines)
      },
    ),
  )
})

test('a line beyond the limit is cut, one character over it, and the next one is whole', async () => {
  const bytes = new TextEncoder().encode(`${'x'.repeat(50)}\nnext\nlast`)
  expect(await linesOf([bytes.slice(0, 20), bytes.slice(20)], 10)).toEqual([
    'x'.repeat(11),
    'next',
    'last',
  ])
})
