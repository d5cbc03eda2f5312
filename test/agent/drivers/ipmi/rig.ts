// A controller and its scripted BMC under one virtual clock.
import type { Answer, Link, PowerReading, Silence } from '../../../../agent/drivers/driver.ts'
import {
  createIpmiPowerController,
  type IpmiOptions,
} from '../../../../agent/drivers/ipmi/power-controller.ts'
import { seededRandom, VirtualClock } from '../../../lab/virtual-clock.ts'
import { ScriptedBmc } from './scripted-bmc.ts'

export function rig(
  settings: Partial<IpmiOptions> = {},
  arrange: (bmc: ScriptedBmc) => void = () => {},
  clock = new VirtualClock(),
) {
  const bmc = new ScriptedBmc(clock)
  arrange(bmc)
  const links: Link[] = []
  const heard: number[] = []
  const bound: string[] = []
  const controller = createIpmiPowerController(
    {
      name: 'server1',
      address: '192.0.2.1',
      port: 623,
      username: 'admin',
      password: 'palisade1',
      clock,
      random: seededRandom('console'),
      events: { linkChanged: (link) => links.push(link), heard: (askedAt) => heard.push(askedAt) },
      bindIdentity: (identity) => bound.push(identity),
      ...settings,
    },
    bmc.openUdp,
  )
  controller.start()

  /** Lets time pass in small steps, so that promises settle in between. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 25) {
      clock.advance(Math.min(25, ms - passed))
      await new Promise(setImmediate)
    }
  }
  const shoot = (action: 'nmi' | 'reset' | 'off' | 'on') => {
    const answers: Answer[] = []
    const fired = controller.arm(action)?.fire(
      () => true,
      (answer) => answers.push(answer),
    )
    return { fired, answers }
  }
  const readings = () => {
    const collected: (PowerReading | Silence)[] = []
    const read = (timeoutMs: number) =>
      void controller.read(timeoutMs).then((reading) => collected.push(reading))
    return { collected, read }
  }
  const read = async (timeoutMs = 1000) => {
    const { collected, read: ask } = readings()
    ask(timeoutMs)
    await pass(timeoutMs + 50)
    const [reading] = collected
    if (!reading) throw new Error('a read outlived its time')
    return reading
  }
  return { clock, bmc, controller, links, heard, bound, pass, shoot, read, readings }
}
