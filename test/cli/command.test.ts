import { describe, expect, test } from 'vitest'
import { readTarget } from '../../cli/commands/reset.ts'
import { COMMANDS, findCommand } from '../../cli/commands.ts'
import { makeTerminal } from './terminal.ts'

const TOKEN = { PALISADE_TOKEN: 'pal_x', PALISADE_URL: 'http://127.0.0.1:1' }

describe('what cannot be a command ends with exit code 2 before anything is asked', () => {
  const neverFetch = () => Promise.reject(new Error('nothing may be asked'))
  const terminal = makeTerminal({ env: TOKEN, fetch: neverFetch })
  test.each([
    [['dance'], 'there is no command "dance"'],
    [['show'], 'there is no command "show"'],
    [['show', 'everything'], 'there is no command "show everything"'],
    [['reset'], 'TARGET is missing'],
    [['reset', 'A', 'B', '--reason', 'x'], 'one argument too many: B'],
    [['reset', 'A'], '--reason is missing'],
    [['reset', 'A', '--reason', ' '], '--reason is missing'],
    [['reset', 'A', '--reason'], "Option '--reason <value>' argument missing"],
    [['reset', 'A', '--reason', 'x', '--mode', 'kill'], 'must be one of ladder, soft, hard, pdu'],
    [['reset', 'A', '--reason', 'x', '--wait', '-1'], '--wait'],
    [['reset', 'A', '--reason', 'x', '--wait', '1.5'], 'must be a whole number from 0 to 86400'],
    [['reset', 'A', '--reason', 'x', '--requester', '0'], 'must be a whole number from 1'],
    [['reset', 'A', '--reason', 'x', '--key', 'a b'], '--key must have'],
    [['reset', 'A', '--reason', 'x', '--cluster', 'c'], '--cluster goes with a system number'],
    [['reset', '99999999999', '--reason', 'x'], 'is no system number'],
    [['reset', 'A', '--reason', 'x', '--token', 't'], "Unknown option '--token'"],
    [['apply'], '--file is missing'],
    [['audit', '--format', 'xml'], 'must be one of ndjson, resetlog'],
    [['audit', 'prove', 'x'], 'one argument too many'],
    [['token', 'create', 'ci', '--scope', 'root'], 'must be one of read, operate, admin'],
    [['help', 'dance'], 'there is no command "dance"'],
  ])('%j', async (argv, message) => {
    const { exit, out, err } = await terminal.run(...argv)
    expect({ exit, out }).toEqual({ exit: 2, out: '' })
    expect(err).toContain(message)
  })
})

test('without a token nothing is asked', async () => {
  const { exit, err } = await makeTerminal().run('show', 'status')
  expect(exit).toBe(2)
  expect(err).toContain('set PALISADE_TOKEN, or PALISADE_TOKEN_FILE')
})

test.each(['ftp://host', 'http://user:secret@host', 'nonsense'])(
  'the address %s is refused without being repeated',
  async (url) => {
    const terminal = makeTerminal({ env: { PALISADE_TOKEN: 'x', PALISADE_URL: url } })
    const { exit, err } = await terminal.run('show', 'status')
    expect(exit).toBe(2)
    expect(err).not.toContain('secret')
  },
)

test('an error as JSON is one document with its code', async () => {
  const { exit, out, err } = await makeTerminal({ env: TOKEN }).run('reset', '--json')
  expect({ exit, err }).toEqual({ exit: 2, err: '' })
  expect(JSON.parse(out)).toEqual({
    error: { code: 'usage', detail: 'TARGET is missing', next: 'palisade help reset' },
  })
})

test('a target of digits is a system, anything else a server, and a prefix decides', () => {
  expect(readTarget('10001', undefined)).toEqual({ system: 10_001 })
  expect(readTarget('10001', 'db')).toEqual({ system: 10_001, cluster: 'db' })
  expect(readTarget('PSERVER1', undefined)).toEqual({ server: 'PSERVER1' })
  expect(readTarget('server:42', undefined)).toEqual({ server: '42' })
  expect(readTarget('system:42', undefined)).toEqual({ system: 42 })
})

test('the longest words win: audit verify is not audit with an argument', () => {
  expect(findCommand(['audit', 'verify', 'x'])?.command.words).toEqual(['audit', 'verify'])
  expect(findCommand(['audit', '--format', 'ndjson'])?.rest).toEqual(['--format', 'ndjson'])
})

describe('help', () => {
  test('names every command, and explains each one with its options', async () => {
    const terminal = makeTerminal()
    const overview = await terminal.run('help')
    expect(overview.exit).toBe(0)
    for (const { words, options = {} } of COMMANDS) {
      expect(overview.out).toContain(words.join(' '))
      const { exit, out } = await terminal.run('help', ...words)
      expect(exit).toBe(0)
      for (const option of Object.keys(options)) expect(out).toContain(`--${option}`)
      expect((await terminal.run(...words, '--help')).out).toBe(out)
    }
  })

  test('no option would carry a secret in the arguments', () => {
    const names = COMMANDS.flatMap(({ options = {} }) => Object.keys(options))
    expect(names.filter((name) => /token|password|secret|community/.test(name))).toEqual([])
  })

  test('without any word it goes to standard error with exit code 2', async () => {
    const { exit, out, err } = await makeTerminal().run()
    expect({ exit, out }).toEqual({ exit: 2, out: '' })
    expect(err).toContain('exit codes: 0 done, 1 failed or not fenced')
  })
})
