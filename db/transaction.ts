// A transaction ends with its connection. The driver tells so at once, but lets what runs in it run on: the next
// statement, or the driver's own commit or rollback, then throws where nobody can catch it, or is carried out
// alone on the connection that the pool has opened in its place.
import type postgres from 'postgres'

type Begin = (act: (tx: postgres.TransactionSql) => unknown) => Promise<unknown>
type Unsafe = postgres.TransactionSql['unsafe']

/** More turns than the word of the driver needs to come here, which is under way when a statement fails by it. */
const TURNS = 16

/** Makes `begin` refuse statements, and neither commit nor roll back, once the connection has gone. */
export function endingWithConnection(begin: Begin): Begin {
  return (act) => {
    let over = false
    const running = begin((tx) => {
      const { unsafe } = tx
      const guarded = ((...asked: Parameters<Unsafe>) => {
        if (over) throw connectionClosed()
        return unsafe(...asked)
      }) as Unsafe
      return whileConnected(act(Object.assign(tx, { unsafe: guarded })), () => over)
    })
    running.catch(() => {
      over = true
    })
    return running
  }
}

/** Never settles once the connection has gone: whoever waits for the transaction has been told. */
async function whileConnected(acting: unknown, isOver: () => boolean): Promise<unknown> {
  const [outcome] = await Promise.allSettled([acting])
  for (let turn = 0; turn < TURNS && !isOver(); turn += 1) await undefined
  if (isOver()) return await new Promise(() => {})
  if (outcome.status === 'rejected') throw outcome.reason
  return outcome.value
}

function connectionClosed(): Error {
  return Object.assign(new Error('the connection of this transaction has gone'), {
    code: 'CONNECTION_CLOSED',
  })
}
