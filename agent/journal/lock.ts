// One agent per journal directory. The lock is a listening socket, which the kernel takes away from a dead
// process: no stale lock can keep an agent from starting after a power loss.
import { stat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'

export type Unlock = () => Promise<void>

/** @throws when another agent holds the directory. */
export async function lockJournal(directory: string): Promise<Unlock> {
  const { dev, ino } = await stat(directory)
  if (process.platform === 'linux') {
    // Abstract names live outside the file system; the inode names the directory under any path.
    return unlockOf(await listen(`\0palisade-journal-${dev}-${ino}`, directory))
  }
  const path = join(directory, 'lock.sock')
  try {
    return unlockOf(await listen(path, directory))
  } catch (error) {
    if (await answers(path)) throw error
    await unlink(path)
    return unlockOf(await listen(path, directory))
  }
}

function listen(path: string, directory: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (cause) =>
      reject(
        new Error(`${directory} is in use by another agent; stop it or choose another directory`, {
          cause,
        }),
      ),
    )
    server.listen({ path, exclusive: true }, () => {
      server.unref()
      resolve(server)
    })
  })
}

function unlockOf(server: Server): Unlock {
  return () => new Promise((resolve) => server.close(() => resolve()))
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
