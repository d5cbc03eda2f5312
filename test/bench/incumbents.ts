// The programs that Palisade is measured beside, called as their users call them.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { Place } from './farm.ts'
import { pause } from './instants.ts'
import { SIM_ACCOUNT } from './sims.ts'

const { username, password } = SIM_ACCOUNT

export interface Command {
  program: string
  args: string[]
}

export const installed = (program: string) => existsSync(program)

/** `-C` is always given: without it ipmitool first asks for suites, which costs ten seconds here. */
export function ipmitool({ address, port }: Place, ...action: string[]): Command {
  const session = ['-I', 'lanplus', '-H', address, '-p', String(port), '-U', username]
  return {
    program: '/usr/bin/ipmitool',
    args: [...session, '-P', password, '-L', 'ADMINISTRATOR', '-C', '3', ...action],
  }
}

export function ipmipower({ address, port }: Place, action: string): Command {
  const account = ['-u', username, '-p', password, '-l', 'ADMIN', '-I', '3']
  const session = ['-D', 'LAN_2_0', '-W', 'opensesspriv', '-h', `${address}:${port}`]
  return { program: '/usr/sbin/ipmipower', args: [...session, ...account, action] }
}

export function fenceIpmilan(place: Place, ...options: string[]): Command {
  const { address, port } = place
  const session = ['-a', address, '-u', String(port), '-l', username, '-p', password, '-P']
  return { program: '/usr/sbin/fence_ipmilan', args: [...session, '-C', '3', ...options] }
}

export function fenceIpdu(
  { address, port }: Place,
  { outlet, community, action }: { outlet: number; community: string; action: string },
): Command {
  const session = ['-a', address, '-u', String(port), '-d', '2c', '-c', community]
  return { program: '/usr/sbin/fence_ipdu', args: [...session, '-n', String(outlet), '-o', action] }
}

/** Runs a program to its end; throws when it fails. */
export async function runToEnd({ program, args }: Command): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: withoutPyenv() })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      said += text
    })
  }
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${said.slice(-500)}`)
}

/** `ipmitool shell`: one session, kept open; commands are lines. */
export class ResidentShell {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async open(place: Place): Promise<ResidentShell> {
    const { program, args } = ipmitool(place, 'shell')
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'] })
    // It has opened its session when it prompts, which it does only on a terminal.
    await pause(500)
    return new ResidentShell(child)
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    const gaveUp = setTimeout(() => this.#child.kill('SIGKILL'), 1000)
    await ended
    clearTimeout(gaveUp)
  }
}

/** Another Python in front of Debian's would cost it time that is not its own. */
function withoutPyenv(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' }
}
