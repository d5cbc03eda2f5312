// A line that loses every second reply from the very first on: each attempt to log in meets it in the same
// rhythm, so the driver has to change its own.
import { expect, test } from 'vitest'
import { createIpmiPowerController } from '../../agent/drivers/ipmi/power-controller.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { ADMIN, ipmiSimInstalled, startIpmiSim } from './ipmi-sim.ts'
import { openUdpRelay } from './udp-relay.ts'

test.skipIf(!ipmiSimInstalled).for([0, 1])(
  'with every second reply lost (%i) the driver still logs in, and fires once',
  async (lost) => {
    const sim = await startIpmiSim({ kind: 'modules' })
    const relay = await openUdpRelay(sim)
    relay.rule = ({ direction, ordinal }) =>
      direction === 'reply' && ordinal % 2 === lost ? [] : [0]
    const bmc = createIpmiPowerController({
      name: 'bmc',
      address: '127.0.0.1',
      port: relay.port,
      ...ADMIN,
      clock: nodeClock,
      random: nodeRandom,
      events: { linkChanged: () => {}, heard: () => {} },
    })
    try {
      bmc.start()
      let warm = false
      for (let tries = 0; tries < 20 && !warm; tries++) warm = await bmc.ready(2000)
      expect(warm).toBe(true)
      expect(
        bmc.arm('reset')?.fire(
          () => true,
          () => {},
        ),
      ).toBe(true)
      expect((await bmc.read(4000)).value).toBe('on')
      expect((await sim.actions()).filter((action) => action === 'reset')).toHaveLength(1)
    } finally {
      await bmc.close()
      await relay.close()
      await sim.remove()
    }
  },
)
