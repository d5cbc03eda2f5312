// One connection between an agent and the hub as both ends see it: in order and without loss, as long as it
// lasts. A cut way holds everything back, as TCP does, until it is mended or somebody gives up.
import type { LinkSocket } from '../../agent/link.ts'
import type { FromHub } from '../../protocol/link.ts'
import type { Life } from './life.ts'
import type { Direction, Path } from './path.ts'

export class HubConnection implements LinkSocket {
  readonly life: Life
  readonly nonce: string
  /** What the hub does with a message of the agent; one after the other. */
  heard: (text: string) => Promise<void> = async () => {}
  closedByAgent: () => void = () => {}
  welcomed = false
  isOpen = true
  #turn: Promise<void> = Promise.resolve()
  #onClose: (event: { code: number; reason: string }) => void = () => {}
  #onMessage: (event: { data: unknown }) => void = () => {}
  readonly #path: Path
  readonly #queued: Record<Direction, (() => void)[]> = { there: [], back: [] }
  readonly #lastAt: Record<Direction, number> = { there: 0, back: 0 }
  readonly #dialledAt: number

  constructor(life: Life, path: Path, nonce: string) {
    this.life = life
    this.nonce = nonce
    this.#path = path
    this.#dialledAt = life.world.time.now
  }

  addEventListener(
    type: 'close' | 'message',
    listener: (event: { code: number; reason: string; data: unknown }) => void,
  ): void {
    if (type === 'close') {
      this.#onClose = (event) => listener({ ...event, data: undefined })
    } else this.#onMessage = (event) => listener({ code: 0, reason: '', ...event })
  }

  /** Of the agent. */
  send(text: string): void {
    if (this.life.dead) return
    this.#carry('there', () => {
      this.life.world.touched = true
      this.#turn = this.#turn.then(() => (this.isOpen ? this.heard(text) : undefined))
    })
  }

  /** Of the agent. */
  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.closedByAgent()
  }

  /** Of the hub. */
  say(message: FromHub): void {
    const text = JSON.stringify(message)
    this.#carry('back', () => {
      const { life } = this
      life.deliver(() => {
        if (!this.isOpen) return
        if (message.nowMs !== undefined) life.world.judge.heard(life, message)
        this.#onMessage({ data: text })
      })
    })
  }

  /** The agent learns of the end a little later. */
  cut(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.life.world.time.after(1, () =>
      this.life.deliver(() => this.#onClose({ code: 1006, reason: '' })),
    )
  }

  /** The way was mended: what was held back comes. */
  flow(): void {
    for (const direction of ['there', 'back'] as const) {
      if (this.#path.trouble.cut[direction]) continue
      for (const arrive of this.#queued[direction].splice(0)) this.#carry(direction, arrive)
    }
  }

  get dialledAt(): number {
    return this.#dialledAt
  }

  #carry(direction: Direction, arrive: () => void): void {
    if (!this.isOpen) return
    const { trouble } = this.#path
    if (trouble.cut[direction]) {
      this.#queued[direction].push(arrive)
      return
    }
    const { time } = this.life.world
    const at = Math.max(time.now + 1 + trouble.slowMs, this.#lastAt[direction])
    this.#lastAt[direction] = at
    time.at(at, () => {
      if (!this.isOpen) return
      // It was cut while this was under way.
      if (trouble.cut[direction]) this.#queued[direction].push(arrive)
      else arrive()
    })
  }
}
