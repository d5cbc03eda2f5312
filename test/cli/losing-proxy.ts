// A way to the control plane that loses answers: the request arrives and is carried out, the answer does not.
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface LosingProxy {
  url: string
  /** Idempotency-Keys of the POSTs that went through, in order. */
  readonly keys: string[]
  /** How many of the next POSTs get no answer. */
  loseNext(answers: number): void
  close(): void
}

export async function openLosingProxy(target: string): Promise<LosingProxy> {
  const keys: string[] = []
  let toLose = 0
  const server = createServer((from, to) => {
    const loses = from.method === 'POST' && toLose > 0
    if (from.method === 'POST') keys.push(String(from.headers['idempotency-key']))
    if (loses) toLose -= 1
    forward(from, to, loses)
  })

  function forward(from: IncomingMessage, to: ServerResponse, loses: boolean) {
    const { method, headers, url = '/' } = from
    const onward = request(new URL(url, target), { method: method ?? 'GET', headers }, (answer) => {
      if (loses) {
        answer.resume()
        to.destroy()
        return
      }
      to.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(to)
    })
    onward.on('error', () => to.destroy())
    from.pipe(onward)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    keys,
    loseNext(answers) {
      toLose = answers
    },
    close: () => void server.close().closeAllConnections(),
  }
}
