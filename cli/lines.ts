// Lines of a stream, none longer than a limit: what is beyond it is cut off, never collected.

/** The cut line keeps one character more than the limit, so that a reader can tell that it was too long. */
export async function* boundedLines(
  chunks: AsyncIterable<Uint8Array>,
  charactersMax: number,
): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let line = ''
  for await (const chunk of chunks) {
    const parts = decoder.decode(chunk, { stream: true }).split('\n')
    for (const [index, part] of parts.entries()) {
      if (index > 0) {
        yield line
        line = ''
      }
      line += part.slice(0, charactersMax + 1 - line.length)
    }
  }
  if (line !== '') yield line
}
