// A tar archive as POSIX.1-1988 has it (ustar): plain files with short names are all that is needed here.

const BLOCK = 512
const NAME_MAX = 100
const PREFIX_MAX = 155
const SIZE_MAX = 0o77777777777

export interface TarFile {
  path: string
  content: Uint8Array
  /** Seconds since 1970. */
  modifiedAtS: number
}

/** The bytes of the archive, file by file. Throws on a path that ustar cannot hold. */
export async function* tar(files: AsyncIterable<TarFile>): AsyncGenerator<Uint8Array> {
  for await (const file of files) {
    yield header(file)
    yield file.content
    yield new Uint8Array((BLOCK - (file.content.length % BLOCK)) % BLOCK)
  }
  yield new Uint8Array(2 * BLOCK)
}

function header({ path, content, modifiedAtS }: TarFile): Uint8Array {
  if (content.length > SIZE_MAX) throw new Error(`${path} is too large for a tar archive`)
  const { prefix, name } = split(path)
  const block = Buffer.alloc(BLOCK)
  block.write(name, 0)
  octal(block, 0o600, 100, 8)
  octal(block, 0, 108, 8)
  octal(block, 0, 116, 8)
  octal(block, content.length, 124, 12)
  octal(block, modifiedAtS, 136, 12)
  block.write('0', 156)
  block.write('ustar\u000000', 257, 'latin1')
  block.write(prefix, 345)
  // The sum is taken with its own field full of spaces.
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148, 'latin1')
  return block
}

function octal(block: Buffer, value: number, at: number, length: number): void {
  block.write(
    value
      .toString(8)
      .padStart(length - 1, '0')
      .slice(1 - length),
    at,
  )
}

/** A long path is cut in two at a `/`. */
function split(path: string): { prefix: string; name: string } {
  if (Buffer.byteLength(path) <= NAME_MAX) return { prefix: '', name: path }
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)]
    if (Buffer.byteLength(prefix) > PREFIX_MAX) break
    if (name !== '' && Buffer.byteLength(name) <= NAME_MAX) return { prefix, name }
  }
  throw new Error(`${path} is too long for a tar archive`)
}
