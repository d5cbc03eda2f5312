// The object for what concerns no single site: lists, tokens, enrolment, health. There are a few of them, all alike.
import { listSitesWithOrders } from '../../db/orders.ts'
import { findReset } from '../../db/resets.ts'
import { isSite } from '../../db/sites.ts'
import { unknownSite } from '../auth.ts'
import { describeError } from '../errors.ts'
import { tidyUp } from '../housekeeping.ts'
import type { Hubs } from '../ports.ts'
import { workersLog } from './log.ts'
import { type Plane, PlaneObject } from './plane-object.ts'
import { remoteHubs } from './remote-hubs.ts'

export class Desk extends PlaneObject {
  /** Undefined when there is no such reset, or nobody can say. */
  async siteOfReset(id: string): Promise<string | undefined> {
    this.wakes.note('call')
    const opened = await this.open()
    if ('faults' in opened) return undefined
    return (await findReset(opened.plane.base.db, id))?.site
  }

  /** Removes what has been kept for long enough; every hour. */
  async tidyUp(): Promise<void> {
    this.wakes.note('call')
    const { base, settings } = await this.mustOpen()
    await tidyUp(base, { operatorLogDays: settings.operatorLogDays })
  }

  /** Lets every hub with open orders look at them: whatever a hub missed is taken up again here. */
  async sweep(): Promise<void> {
    this.wakes.note('call')
    const { base } = await this.mustOpen()
    const hubs = remoteHubs(this.env)
    for (const site of await listSitesWithOrders(base.db)) {
      try {
        await hubs.dispatch(site)
      } catch (error) {
        workersLog('error', 'sweep-failed', { site, ...describeError(error) })
      }
    }
  }

  protected override hubs({ base }: Plane): Hubs {
    return {
      ...remoteHubs(this.env),
      // The router sends links of sites that can exist to their hubs; what comes here has no such name.
      async accept({ site }) {
        if (await isSite(base.db, site)) throw new Error('links are taken by the hub of their site')
        throw unknownSite(site)
      },
    }
  }
}
