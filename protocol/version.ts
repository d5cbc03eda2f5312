// One number for everything that crosses a border. A message of another version is refused by name;
// what each version looked like on the wire is frozen in test/wire.

export const PROTOCOL_VERSION = 1

/** Of this software, as its parts tell each other and people. */
export const SOFTWARE_VERSION = '0.1.0'
