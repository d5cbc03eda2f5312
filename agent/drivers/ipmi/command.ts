// What a command is: data. The session alone knows how to carry it.

export interface Command<Request, Reply> {
  /** The specification's title. */
  readonly name: string
  readonly netFn: number
  readonly code: number
  encode(request: Request): Uint8Array
  /** Decodes the bytes after the completion code; undefined when they are malformed. */
  decode(body: Uint8Array): Reply | undefined
}

export const EMPTY = new Uint8Array(0)
