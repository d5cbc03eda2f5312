import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type TarFile, tar } from '../../cli/dump/tar.ts'
import { temporaryDirectory } from '../postgres.ts'

async function archiveOf(...files: TarFile[]): Promise<Buffer> {
  async function* each() {
    yield* files
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of tar(each())) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('tar takes every size and every path that fits, as it was', async () => {
  const { path: directory, remove } = temporaryDirectory()
  const folder = 'f'.repeat(90)
  const files = [0, 1, 511, 512, 513, 100_000].map((size) => ({
    path: `${folder}/${folder.slice(0, 60)}/size-${size}`,
    content: new Uint8Array(size).fill(size % 251),
    modifiedAtS: 1_790_000_000,
  }))
  writeFileSync(join(directory, 'x.tar'), await archiveOf(...files))
  const said = execFileSync('tar', ['-xvf', 'x.tar'], { cwd: directory, encoding: 'utf8' })
  expect(said.trim().split('\n')).toEqual(files.map(({ path }) => path))
  for (const { path, content } of files) {
    expect(new Uint8Array(readFileSync(join(directory, path)))).toEqual(content)
  }
  const listed = execFileSync('tar', ['-tvf', 'x.tar'], { cwd: directory, encoding: 'utf8' })
  expect(listed).toMatch(/^-rw------- 0\/0 +0 2026-09-/)
  remove()
})

test('a path that does not fit is named rather than cut', async () => {
  const file = { path: 'x'.repeat(101), content: new Uint8Array(0), modifiedAtS: 0 }
  await expect(archiveOf(file)).rejects.toThrow('too long')
})
