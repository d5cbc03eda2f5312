// TCP ports of this machine, as others have left them.
import { createServer } from 'node:net'

/** A free one on loopback, or `port` itself. Throws when that one is taken. */
export async function freeTcpPort(port = 0): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new Error(`port ${port} of 127.0.0.1 cannot be used`, { cause }))
    })
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return address.port
}
