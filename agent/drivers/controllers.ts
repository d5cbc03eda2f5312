// Where the controllers of devices come from. Whoever gives others decides what an agent really touches.
import type { OutletController, PowerController } from './driver.ts'
import { createIpmiPowerController, type IpmiOptions } from './ipmi/power-controller.ts'
import { createSnmpOutletController, type SnmpOutletOptions } from './snmp/outlet-controller.ts'

export interface Controllers {
  power(options: IpmiOptions): PowerController
  outlets(options: SnmpOutletOptions): OutletController
}

/** By IPMI and SNMP over the management LAN. */
export const networkControllers: Controllers = {
  power: (options) => createIpmiPowerController(options),
  outlets: createSnmpOutletController,
}
