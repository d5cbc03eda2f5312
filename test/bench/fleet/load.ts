// Readers in closed loops: each asks again as soon as it was answered, on a connection that it keeps.
import { Pool } from 'undici'
import { nodeClock } from '../../../runtime/node.ts'

export interface Reading {
  url: string
  token: string
  paths: readonly string[]
  readers: number
  forMs: number
}

export interface Read {
  /** ms of each answer. */
  latencies: number[]
  /** Answers per second. */
  rate: number
}

/** Throws when an answer is not 200. */
export async function readInLoops({ url, token, paths, readers, forMs }: Reading): Promise<Read> {
  const pool = new Pool(url, { connections: readers, pipelining: 1 })
  const headers = { authorization: `Bearer ${token}` }
  const latencies: number[] = []
  const from = nodeClock.now()
  let asked = 0
  const loop = async () => {
    while (nodeClock.now() - from < forMs) {
      const path = paths[asked++ % paths.length] ?? '/'
      const askedAt = nodeClock.now()
      const { statusCode, body } = await pool.request({ method: 'GET', path, headers })
      const text = await body.text()
      if (statusCode !== 200) throw new Error(`GET ${path}: ${statusCode} ${text.slice(0, 300)}`)
      latencies.push(nodeClock.now() - askedAt)
    }
  }
  await Promise.all(Array.from({ length: readers }, loop))
  const rate = (latencies.length * 1000) / (nodeClock.now() - from)
  await pool.close()
  return { latencies, rate }
}
