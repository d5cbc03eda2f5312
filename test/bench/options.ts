// What the bench was asked to do.
import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Fewer runs: a look whether everything still works, within 90 s. */
  quick: boolean
  /** Directory for the CPU profiles of the processes. */
  profile: string | undefined
}

/** The options and the sections asked for, or the text that says what is wrong. */
export function readBenchOptions(
  argv: string[],
  known: readonly string[],
): { options: BenchOptions; sections: readonly string[] } | string {
  const usage = `usage: npm run bench -- [--quick] [--profile DIR] [SECTION]...\nsections: ${known.join(', ')}`
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      allowPositionals: true,
      options: { quick: { type: 'boolean', default: false }, profile: { type: 'string' } },
    })
    const unknown = positionals.filter((name) => !known.includes(name))
    if (unknown.length > 0) return `no section is named ${unknown.join(', ')}\n${usage}`
    const sections = positionals.length > 0 ? positionals : known
    return { options: { quick: values.quick, profile: values.profile }, sections }
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n${usage}`
  }
}
