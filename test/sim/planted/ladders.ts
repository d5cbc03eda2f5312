// Bugs that the simulation has to find, each as a wrapper around a port of an agent that is otherwise as shipped.
import type { Disk } from '../../../agent/disk.ts'
import type { Controllers } from '../../../agent/drivers/controllers.ts'
import type {
  Armed,
  OutletController,
  PowerController,
  PowerReading,
} from '../../../agent/drivers/driver.ts'
import type { Journal } from '../../../agent/journal/journal.ts'
import type { Body, JournalRecord } from '../../../protocol/report.ts'
import type { Life } from '../life.ts'
import { NOTHING, type Planted } from '../planted.ts'

const RESENDS_AFTER_MS = 1200
const FORGETS_AFTER_MS = 700

type Powers = Controllers['power']

/** What is not said otherwise is handed on. */
function bent<T extends object>(whole: T, parts: Partial<T>): T {
  return new Proxy(whole, {
    get(target, name) {
      const part = Reflect.get(parts, name)
      if (part !== undefined) return part
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function plant(name: string, parts: Partial<Planted>): Planted {
  return { ...NOTHING, name, ...parts }
}

function withPower(
  name: string,
  bend: (made: PowerController, life: Life, options: Parameters<Powers>[0]) => PowerController,
): Planted {
  return plant(name, {
    controllers: (controllers, life) => ({
      ...controllers,
      power: (options) => bend(controllers.power(options), life, options),
    }),
  })
}

const noSync = plant('no-sync', {
  disk: (disk) =>
    bent<Disk>(disk, {
      open: async (path, flags, mode) =>
        bent(await disk.open(path, flags, mode), { datasync: async () => {} }),
    }),
})

/** The outlets of a cut come back as soon as their own PDU has taken it. */
const onTooEarly = plant('on-too-early', {
  controllers: (controllers, life) => ({
    ...controllers,
    outlets: (options) => {
      const made = controllers.outlets(options)
      const arm: OutletController['arm'] = (outlet, to) => {
        const armed = made.arm(outlet, to)
        if (!armed || to === 'on') return armed
        const fire: Armed['fire'] = (guard, answered) =>
          armed.fire(guard, (answer) => {
            answered(answer)
            life.clock.after(300, () =>
              made.arm(outlet, 'on')?.fire(
                () => true,
                () => {},
              ),
            )
          })
        return { fire }
      }
      return bent(made, { arm })
    },
  }),
})

const announcesTooEarly = plant('announces-too-early', {
  journal: (journal) =>
    bent<Journal>(journal, {
      append(bodies: readonly Body[]) {
        const written = journal.append(bodies)
        if (!bodies.some(({ kind }) => kind === 'concluded')) return written
        written.catch(() => {})
        return Promise.resolve<JournalRecord[]>([])
      },
    }),
})

/** Whatever has not been answered for a moment counts as settled. */
const forgetsLoose = withPower('forgets-loose', (made, life, options) =>
  bent(made, {
    arm(action) {
      const armed = made.arm(action)
      return (
        armed && {
          fire(guard, answered) {
            const sent = armed.fire(guard, answered)
            life.clock.after(FORGETS_AFTER_MS, () => options.events.heard(life.clock.now()))
            return sent
          },
        }
      )
    },
  }),
)

/** Orders are judged by a time that lies behind the hub's. */
const neverExpires = plant('never-expires', { hubNowMs: (hubNowMs) => hubNowMs - 40_000 })

/** As the incumbents do: no answer, so once more. */
const resends = withPower('resends', (made, life) =>
  bent(made, {
    arm(action) {
      const armed = made.arm(action)
      return (
        armed && {
          fire(guard, answered) {
            let open = true
            const sent = armed.fire(guard, (answer) => {
              open = false
              answered(answer)
            })
            life.clock.after(RESENDS_AFTER_MS, () => {
              if (open) made.arm(action)?.fire(() => true, answered)
            })
            return sent
          },
        }
      )
    },
  }),
)

/** A silent BMC is told with its last word, which is given out as new. */
const staleOff = withPower('stale-off', (made, life) => {
  let last: PowerReading | undefined
  return bent(made, {
    async read(timeoutMs) {
      const askedAt = life.clock.now()
      const reading = await made.read(timeoutMs)
      if (reading.value !== 'silent') last = reading
      if (reading.value !== 'silent' || !last) return reading
      return { ...last, value: 'off', askedAt, answeredAt: life.clock.now() }
    },
  })
})

/** Every session is taken for one that has stood for an hour. */
const trustsYoungSessions = withPower('trusts-young-sessions', (made) =>
  bent(made, {
    async read(timeoutMs) {
      const reading = await made.read(timeoutMs)
      if (reading.value === 'silent') return reading
      return { ...reading, session: 1, sessionOpenedAt: reading.askedAt - 3_600_000 }
    },
  }),
)

/** All devices wait for each other. */
const oneAtATime = plant('one-at-a-time', {
  controllers: (controllers) => {
    let last: Promise<unknown> = Promise.resolve()
    const queue = <T>(act: () => Promise<T>): Promise<T> => {
      const mine = last.then(act)
      last = mine.catch(() => {})
      return mine
    }
    return {
      power(options) {
        const made = controllers.power(options)
        return bent(made, {
          read: (timeoutMs) => queue(() => made.read(timeoutMs)),
          ready: (timeoutMs) => queue(() => made.ready(timeoutMs)),
          get link() {
            // Nothing leaves before all that was asked has come back.
            return { ...made.link, state: 'connecting' as const }
          },
        })
      },
      outlets: controllers.outlets,
    }
  },
})

/** Ids of orders are kept in memory alone. */
const forgetsIds = plant('forgets-ids', {
  journal(journal) {
    journal.memory.seen.clear()
    return journal
  },
})

export const LADDER_BUGS: Readonly<Record<string, Planted>> = Object.fromEntries(
  [
    noSync,
    onTooEarly,
    announcesTooEarly,
    forgetsLoose,
    neverExpires,
    resends,
    staleOff,
    trustsYoungSessions,
    oneAtATime,
    forgetsIds,
  ].map((bug) => [bug.name, bug]),
)
