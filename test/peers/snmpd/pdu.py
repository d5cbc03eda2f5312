#!/usr/bin/python3
"""A switched PDU behind Debian's snmpd (pass_persist): pdu.py DIRECTORY

What it serves is in DIRECTORY/pdu.json (objects.ts writes it). The relays keep their state in
DIRECTORY/relays.json, as the relays of a real PDU keep theirs over a restart of its agent. Every SET and
every move of a relay is a line of DIRECTORY/events.log. An object has an `outlet` and one way to be read:
  shows     the integer for each state of the relay; `turning`, that while it moves to a state
  pending   the integer while a command is pending, and that otherwise
  name, also, idle   the name of the outlet; a fixed integer
and may be written: `takes` gives the effect of each value, `delays` the state that it takes after as many
seconds as written; `all` means every outlet. Faults are files in DIRECTORY, N an outlet:
  stuck-N        a SET of outlet N is accepted and nothing moves
  slow-N         the relay of outlet N moves the given seconds after the SET
  missing-N      outlet N is not there at all
  reads-N        the status of outlet N reads the given integer
  pending-N, also-N, name-N   so do its other columns
  refuse         every SET fails with the given SNMP error, as pass_persist spells it
"""
import json
import os
import sys
import time


class Pdu:
    def __init__(self, directory):
        self.directory = directory
        with open(os.path.join(directory, 'pdu.json')) as f:
            served = json.load(f)
        self.texts = served['texts']
        self.objects = served['objects']
        self.oids = sorted([*self.texts, *self.objects], key=numbers)
        self.moves = {}
        stored = self.fault('relays.json')
        self.relays = json.loads(stored) if stored else {n: 'on' for n in served['outlets']}
        self.log('start')

    def log(self, line):
        with open(os.path.join(self.directory, 'events.log'), 'a') as f:
            f.write('%.6f %s\n' % (time.time(), line))

    def fault(self, name):
        try:
            with open(os.path.join(self.directory, name)) as f:
                return f.read().strip()
        except FileNotFoundError:
            return None

    def move(self, outlet, state):
        self.relays[outlet] = state
        self.log('relay %s %s' % (outlet, state))
        path = os.path.join(self.directory, 'relays.json')
        with open(path + '.new', 'w') as f:
            json.dump(self.relays, f)
        os.rename(path + '.new', path)

    def settle(self):
        for outlet, (at, state) in list(self.moves.items()):
            if time.monotonic() >= at:
                del self.moves[outlet]
                self.move(outlet, state)

    def get(self, oid):
        self.settle()
        if oid in self.texts:
            return 'string', self.texts[oid]
        served = self.objects.get(oid)
        if served is None:
            return None
        outlet = served.get('outlet')
        if outlet and self.fault('missing-' + outlet) is not None:
            return None
        if 'name' in served:
            return 'string', self.fault('name-' + outlet) or 'outlet' + outlet
        return 'integer', str(self.integer(served, outlet))

    def integer(self, served, outlet):
        if 'idle' in served:
            return served['idle']
        if 'also' in served:
            return self.fault('also-' + outlet) or served['also']
        if 'pending' in served:
            word = 'yes' if outlet in self.moves else 'no'
            return self.fault('pending-' + outlet) or served['pending'][word]
        if outlet in self.moves and 'turning' in served:
            return served['turning'][self.moves[outlet][1]]
        return self.fault('reads-' + outlet) or served['shows'][self.relays[outlet]]

    def after(self, oid):
        wanted = numbers(oid)
        for candidate in self.oids:
            if numbers(candidate) > wanted and self.get(candidate) is not None:
                return candidate
        return None

    def set(self, oid, text):
        self.log('set %s %s' % (oid, text))
        refusal = self.fault('refuse')
        if refusal:
            return refusal
        served = self.objects.get(oid, {})
        if self.get(oid) is None or not ('takes' in served or 'delays' in served):
            return 'not-writable'
        kind, _, value = text.partition(' ')
        if kind != 'integer':
            return 'wrong-type'
        value = value.strip('"')
        if 'delays' in served:
            effect, delay = served['delays'], int(value)
            if delay < 0:
                return 'DONE'
        else:
            effect, delay = served['takes'].get(value), 0
            if effect is None:
                return 'wrong-value'
        for outlet in list(self.relays) if served.get('all') else [served['outlet']]:
            self.act(outlet, effect, delay)
        return 'DONE'

    def act(self, outlet, effect, delay):
        if self.fault('stuck-' + outlet) is not None:
            return
        delay = float(self.fault('slow-' + outlet) or delay)
        if effect not in ('on', 'off'):
            self.log('command %s %s' % (outlet, effect))
        elif delay > 0:
            self.moves[outlet] = (time.monotonic() + delay, effect)
        else:
            self.move(outlet, effect)


def numbers(oid):
    return [int(arc) for arc in oid.strip('.').split('.')]


def answer(lines):
    sys.stdout.write('\n'.join(lines) + '\n')
    sys.stdout.flush()


def main():
    pdu = Pdu(sys.argv[1])
    read = lambda: sys.stdin.readline().rstrip('\n')
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        command = line.strip()
        if command == 'PING':
            answer(['PONG'])
        elif command == 'get':
            oid = read()
            value = pdu.get(oid)
            answer([oid, *value] if value else ['NONE'])
        elif command == 'getnext':
            oid = pdu.after(read())
            answer([oid, *pdu.get(oid)] if oid else ['NONE'])
        elif command == 'set':
            oid = read()
            answer([pdu.set(oid, read())])


main()
