// The hubs of other objects, by calls to them.
import { describeError } from '../errors.ts'
import type { Hubs } from '../ports.ts'
import { workersLog } from './log.ts'
import type { Bindings } from './settings.ts'
import { siteStub } from './stubs.ts'

export function remoteHubs(env: Bindings): Hubs {
  return {
    dispatch: (site) => siteStub(env, site).dispatch(),
    publish: (site) => siteStub(env, site).publish(),
    async presence(site) {
      try {
        return await siteStub(env, site).presence()
      } catch (error) {
        // Nobody is known to be heard there; an order is sent by its own hub in any case.
        workersLog('error', 'hub-unreachable', { site, ...describeError(error) })
        return []
      }
    },
    accept: () => {
      throw new Error('links are taken by the hub of their site')
    },
  }
}
