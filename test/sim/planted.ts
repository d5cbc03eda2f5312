// Where a bug can be planted from outside: every port of an agent may be wrapped, nothing shipped is changed.
import type { Disk } from '../../agent/disk.ts'
import type { Controllers } from '../../agent/drivers/controllers.ts'
import type { Journal } from '../../agent/journal/journal.ts'
import type { Life } from './life.ts'

export interface Planted {
  name: string
  disk(disk: Disk, life: Life): Disk
  journal(journal: Journal, life: Life): Journal
  controllers(controllers: Controllers, life: Life): Controllers
  hubNowMs(hubNowMs: number): number
}

/** The agent as it is shipped. */
export const NOTHING: Planted = {
  name: 'nothing',
  disk: (disk) => disk,
  journal: (journal) => journal,
  controllers: (controllers) => controllers,
  hubNowMs: (hubNowMs) => hubNowMs,
}
