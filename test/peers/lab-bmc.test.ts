// The lab's BMC judged by ipmitool and FreeIPMI, which share no code with it or with each other.
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type LabServer, type MachineRoom, openMachineRoom } from '../../lab/room.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { run } from './run.ts'

const IPMITOOL = '/usr/bin/ipmitool'
const IPMIPOWER = '/usr/sbin/ipmipower'
const USERNAME = 'palisade'
const PASSWORD = 'Pal1sade-20-bytes-ok'

let room: MachineRoom
let server: LabServer

beforeAll(async () => {
  room = await openMachineRoom(
    {
      servers: [
        {
          name: 'S',
          bmc: {
            address: '127.0.11.1',
            port: 0,
            account: { username: USERNAME, password: PASSWORD, privilege: 4 },
          },
          feeds: [
            { pdu: 'p', outlet: 1 },
            { pdu: 'p', outlet: 2 },
          ],
          physical: {
            bmcBootMs: 50,
            cycleOffMs: 50,
            holdUpMs: 10,
            os: {
              bootMs: 20,
              shutdownMs: 20,
              kdump: {
                enabled: true,
                delayMs: 10,
                intervalMs: 50,
                dumpMs: 500,
                afterwards: 'halt',
              },
            },
          },
        },
      ],
      pdus: [
        {
          name: 'p',
          family: 'ibm-ipdu',
          address: '127.0.11.101',
          port: 0,
          outletCount: 2,
          access: {},
        },
      ],
    },
    { clock: nodeClock, random: nodeRandom },
  )
  server = room.getServer('S')
})
afterAll(() => room.close())

beforeEach(async () => {
  server.model.powerOn()
  if (server.model.os.state === 'halted') server.model.os.boot()
  await expect.poll(() => server.model.os.state).toBe('running')
})

const executed = () => ({ ...server.model.bmc.executed })

function ipmitool(suite: number, command: string[], password = PASSWORD) {
  const { address, port } = server.bmcPlace
  const target = ['-I', 'lanplus', '-H', address, '-p', String(port), '-C', String(suite)]
  return run(IPMITOOL, [...target, '-U', USERNAME, '-P', password, ...command])
}

function ipmipower(suite: number, command: string, password = PASSWORD) {
  const { address, port } = server.bmcPlace
  const target = ['-h', `${address}:${port}`, '-D', 'LAN_2_0', '-I', String(suite)]
  return run(IPMIPOWER, [...target, '-u', USERNAME, '-p', password, command])
}

const TOOLS = [
  {
    tool: 'ipmitool',
    file: IPMITOOL,
    power: (suite: number, action: string) => ipmitool(suite, ['power', action]),
    words: { status: 'status', off: 'off', on: 'on', reset: 'reset', nmi: 'diag', cycle: 'cycle' },
    says: { on: /is on/, off: /is off/ },
  },
  {
    tool: 'ipmipower',
    file: IPMIPOWER,
    power: (suite: number, action: string) => ipmipower(suite, action),
    words: {
      status: '--stat',
      off: '--off',
      on: '--on',
      reset: '--reset',
      nmi: '--pulse',
      cycle: '--cycle',
    },
    says: { on: /: on/, off: /: off/ },
  },
]

const CASES = TOOLS.flatMap((tool) => [3, 17].map((suite) => ({ ...tool, suite })))

describe.each(CASES)('$tool with suite $suite', ({ file, power, words, says, suite }) => {
  const present = existsSync(file)

  test.runIf(present)('switches off and on, and reads what the rails say', async () => {
    const before = executed()
    expect((await power(suite, words.status)).stdout).toMatch(says.on)
    expect((await power(suite, words.off)).code).toBe(0)
    expect(server.model.railVolts).toBe(0)
    expect((await power(suite, words.status)).stdout).toMatch(says.off)
    expect((await power(suite, words.on)).code).toBe(0)
    expect(server.model.railVolts).toBe(12)
    expect(executed()).toEqual({ ...before, off: before.off + 1, on: before.on + 1 })
  })

  test.runIf(present)('resets once, into another boot', async () => {
    const before = executed()
    const { bootId } = server.model.os
    expect((await power(suite, words.reset)).code).toBe(0)
    expect(server.model.os.bootId).not.toBe(bootId)
    expect(executed()).toEqual({ ...before, reset: before.reset + 1 })
  })

  test.runIf(present)('cycles once, off and on again', async () => {
    const { boots } = server.model.os
    const before = executed()
    expect((await power(suite, words.cycle)).code).toBe(0)
    await expect.poll(() => server.model.railVolts).toBe(12)
    expect(server.model.os.boots).toBe(boots + 1)
    expect(executed()).toEqual({ ...before, cycle: before.cycle + 1 })
  })

  test.runIf(present)('pulses the NMI, and the OS panics and sends its notices', async () => {
    const { stopNotices } = server.model.os
    expect((await power(suite, words.nmi)).code).toBe(0)
    await expect.poll(() => server.model.os.stopNotices).toBeGreaterThan(stopNotices)
    await expect.poll(() => server.model.os.state).toBe('halted')
  })
})

test.runIf(existsSync(IPMITOOL)).each([3, 17])(
  'ipmitool with a wrong password is refused over suite %i and nothing is done',
  async (suite) => {
    const before = executed()
    const { code, stderr } = await ipmitool(suite, ['power', 'off'], 'wrong')
    expect(code).not.toBe(0)
    expect(stderr).toContain('Unable to establish IPMI v2 / RMCP+ session')
    expect(executed()).toEqual(before)
  },
)

test.runIf(existsSync(IPMIPOWER)).each([3, 17])(
  'ipmipower with a wrong password is told so over suite %i and nothing is done',
  async (suite) => {
    const before = executed()
    const { stdout, stderr } = await ipmipower(suite, '--off', 'wrong')
    expect(`${stdout}${stderr}`).toContain('password invalid')
    expect(executed()).toEqual(before)
  },
)

describe.runIf(existsSync(IPMITOOL))('ipmitool', () => {
  test('finds the suites by itself when none is given', async () => {
    const { address, port } = server.bmcPlace
    const login = ['-H', address, '-p', String(port), '-U', USERNAME, '-P', PASSWORD]
    const { stdout } = await run(IPMITOOL, ['-I', 'lanplus', ...login, 'power', 'status'])
    expect(stdout).toMatch(/is on/)
  })

  test('shows the loss and the return of each supply in the event log', async () => {
    const pdu = room.getPdu('p').model
    pdu.order(2, 'off')
    pdu.order(2, 'on')
    const { stdout } = await ipmitool(17, ['sel', 'list'])
    const lines = stdout.trim().split('\n')
    expect(lines.at(-2)).toMatch(/Power Supply #0x52 \| Power Supply AC lost \| Asserted/)
    expect(lines.at(-1)).toMatch(/Power Supply #0x52 \| Power Supply AC lost \| Deasserted/)
    expect((await ipmitool(17, ['sel', 'time', 'get'])).code).toBe(0)
  })

  test('reads GUID, device, channel, restore policy and restart cause', async () => {
    expect((await ipmitool(17, ['mc', 'guid'])).stdout).toMatch(/System GUID\s+: [0-9a-f-]{36}/)
    expect((await ipmitool(17, ['mc', 'info'])).stdout).toMatch(/IPMI Version\s+: 2.0/)
    const ciphers = await ipmitool(17, ['channel', 'getciphers', 'ipmi'])
    expect(ciphers.stdout).toMatch(/^3 .*sha1/m)
    expect(ciphers.stdout).toMatch(/^17 .*sha256/m)
    expect((await ipmitool(17, ['chassis', 'policy', 'always-off'])).code).toBe(0)
    expect(server.model.restorePolicy).toBe('off')
    expect((await ipmitool(17, ['power', 'reset'])).code).toBe(0)
    const cause = await ipmitool(17, ['chassis', 'restart_cause'])
    expect(cause.stdout).toMatch(/chassis power control command/)
    expect((await ipmitool(17, ['chassis', 'status'])).stdout).toMatch(/System Power\s+: on/)
  })

  test('is told that a refused NMI was refused', async () => {
    server.model.setFaults({ refusesNmi: 0xcc })
    const { code, stderr } = await ipmitool(17, ['power', 'diag'])
    server.model.setFaults({ refusesNmi: 0 })
    expect(code).not.toBe(0)
    expect(stderr).toContain('Invalid data field in request')
    expect(server.model.os.state).toBe('running')
  })

  test('that loses one reply resets twice: the lab shows what the field suffers', async () => {
    const before = executed()
    server.model.setFaults({ loseReplies: 1 })
    expect((await ipmitool(17, ['power', 'reset'])).code).toBe(0)
    expect(executed().reset).toBe(before.reset + 2)
  })

  test('waits for a BMC that hangs, whose queue is then handled in order', async () => {
    server.model.setFaults({ hang: true })
    const waiting = ipmitool(17, ['power', 'status'])
    const cancel = nodeClock.after(300, () => server.model.setFaults({ hang: false }))
    const { stdout } = await waiting
    cancel()
    expect(stdout).toMatch(/is on/)
  })
})
