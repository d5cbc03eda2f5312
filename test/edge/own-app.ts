// The HTTP interface and its hubs on a database, with ports of the test's choice.
import type { Clock } from '../../core/ports.ts'
import { openDatabase } from '../../db/client.ts'
import { createApp } from '../../edge/app.ts'
import { localHubs } from '../../edge/node/hubs.ts'
import type { Log } from '../../edge/ports.ts'
import { localSignals } from '../../edge/signals.ts'
import { generateSigningJwk, importSigningKey, publicSigningJwk } from '../../protocol/keys.ts'
import { nodeRandom } from '../../runtime/node.ts'

export async function ownApp(databaseUrl: string, clock: Clock, log: Log = () => {}) {
  const { db, close } = openDatabase(databaseUrl)
  const jwk = await generateSigningJwk()
  const key = { sign: await importSigningKey(jwk), jwk: publicSigningJwk(jwk) }
  const local = localSignals(clock)
  let listeners = 0
  const signals: typeof local = {
    ...local,
    listen(topic) {
      const listener = local.listen(topic)
      let open = true
      listeners += 1
      return {
        next: (timeoutMs) => listener.next(timeoutMs),
        close() {
          if (open) listeners -= 1
          open = false
          listener.close()
        },
      }
    },
  }
  const base = { db, clock, random: nodeRandom, signals, key, log }
  const hubs = localHubs(base)
  const app = createApp({
    ...base,
    hubs,
    version: 'test',
    operatorLog: { record: () => {} },
    remoteAddress: () => undefined,
  })
  return {
    app,
    signals,
    /** Who waits for a change. */
    listeners: () => listeners,
    async stop() {
      signals.stop()
      hubs.stop()
      await close()
    },
  }
}
