#!/usr/bin/python3
"""A switched PDU behind Debian's snmpd (pass_persist): pdu.py FAMILY OUTLETS DIRECTORY

Written from the published numbers of each family, not from Palisade's own table. The relays keep their
state in DIRECTORY/relays.json, as the relays of a real PDU keep theirs over a restart of its agent. Every
SET and every move of a relay is a line of DIRECTORY/events.log. Faults are files in DIRECTORY:
  stuck-N        a SET of outlet N is accepted and nothing moves
  slow-N         the relay of outlet N moves the given seconds after the SET; pending meanwhile
  missing-N      outlet N is not there at all
  refuse         every SET fails with the given SNMP error, as pass_persist spells it
"""
import json
import os
import sys
import time

E = '.1.3.6.1.4.1.'
# control OID, value to state; status OID, state to value; pending OID; names OID; fixed texts
FAMILIES = {
    'ibm': {
        'control': E + '2.6.223.8.2.2.1.11', 'written': {1: 'on', 0: 'off'},
        'status': None, 'read': {'on': 1, 'off': 0}, 'pending': None,
        'names': E + '2.6.223.8.2.2.1.2', 'texts': {E + '2.6.223.7.3.0': 'OPDP_sIBM_v01.3_7'},
    },
    'ibm-lenovo': {
        'control': E + '2.6.223.8.2.2.1.13', 'written': {1: 'on', 0: 'off'},
        'status': None, 'read': {'on': 1, 'off': 0}, 'pending': None,
        'names': E + '2.6.223.8.2.2.1.2', 'texts': {E + '2.6.223.7.3.0': 'OPDP_sLEN_v02.1_3'},
        # Column 11 is something else here: reading it as a state would say "off" for every outlet.
        'decoy': E + '2.6.223.8.2.2.1.11',
    },
    'apc-rpdu': {
        'control': E + '318.1.1.12.3.3.1.1.4', 'written': {1: 'on', 2: 'off'},
        'status': E + '318.1.1.12.3.5.1.1.4', 'read': {'on': 1, 'off': 2},
        'pending': E + '318.1.1.12.3.5.1.1.5', 'names': E + '318.1.1.12.3.5.1.1.2',
        'texts': {E + '318.1.1.12.1.3.0': 'v3.9.2', E + '318.1.1.12.1.5.0': 'AP7920'},
    },
    'apc-rpdu2': {
        'control': E + '318.1.1.26.9.2.4.1.5', 'written': {1: 'on', 2: 'off'},
        'status': E + '318.1.1.26.9.2.3.1.5', 'read': {'on': 2, 'off': 1},
        'pending': E + '318.1.1.26.9.2.3.1.6', 'names': E + '318.1.1.26.9.2.3.1.3',
        'texts': {E + '318.1.1.26.2.1.6.1': 'v6.5.6', E + '318.1.1.26.2.1.8.1': 'AP8941'},
    },
}


class Pdu:
    def __init__(self, family, outlets, directory):
        self.family = FAMILIES[family]
        self.outlets = range(1, outlets + 1)
        self.directory = directory
        self.moves = {}
        self.relays = {n: 'on' for n in self.outlets}
        stored = self.fault('relays.json')
        if stored is not None:
            self.relays = {int(n): state for n, state in json.loads(stored).items()}
        self.log('start ' + family)

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
        self.log('relay %d %s' % (outlet, state))
        path = os.path.join(self.directory, 'relays.json')
        with open(path + '.new', 'w') as f:
            json.dump(self.relays, f)
        os.rename(path + '.new', path)

    def settle(self):
        for outlet, (at, state) in list(self.moves.items()):
            if time.monotonic() >= at:
                del self.moves[outlet]
                self.move(outlet, state)

    def table(self):
        self.settle()
        f = self.family
        values = {oid: ('string', text) for oid, text in f['texts'].items()}
        for n in self.outlets:
            if self.fault('missing-%d' % n) is not None:
                continue
            state = str(f['read'][self.relays[n]])
            values['%s.%d' % (f['names'], n)] = ('string', 'outlet%d' % n)
            values['%s.%d' % (f['status'] or f['control'], n)] = ('integer', state)
            if f['status']:
                last = next(v for v, s in f['written'].items() if s == self.relays[n])
                values['%s.%d' % (f['control'], n)] = ('integer', str(last))
            if f['pending']:
                values['%s.%d' % (f['pending'], n)] = ('integer', '1' if n in self.moves else '2')
            if 'decoy' in f:
                values['%s.%d' % (f['decoy'], n)] = ('integer', '0')
        return values

    def set(self, oid, text):
        self.log('set %s %s' % (oid, text))
        refusal = self.fault('refuse')
        if refusal:
            return refusal
        base, _, index = oid.rpartition('.')
        if base != self.family['control'] or oid not in self.table():
            return 'not-writable'
        kind, _, value = text.partition(' ')
        if kind != 'integer':
            return 'wrong-type'
        state = self.family['written'].get(int(value.strip('"')))
        if state is None:
            return 'wrong-value'
        outlet = int(index)
        slow = self.fault('slow-%d' % outlet)
        if self.fault('stuck-%d' % outlet) is None:
            if slow:
                self.moves[outlet] = (time.monotonic() + float(slow), state)
            else:
                self.move(outlet, state)
        return 'DONE'


def numbers(oid):
    return [int(arc) for arc in oid.strip('.').split('.')]


def answer(lines):
    sys.stdout.write('\n'.join(lines) + '\n')
    sys.stdout.flush()


def main():
    pdu = Pdu(sys.argv[1], int(sys.argv[2]), sys.argv[3])
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
            value = pdu.table().get(oid)
            answer([oid, *value] if value else ['NONE'])
        elif command == 'getnext':
            oid = read()
            values = pdu.table()
            after = [o for o in sorted(values, key=numbers) if numbers(o) > numbers(oid)]
            answer([after[0], *values[after[0]]] if after else ['NONE'])
        elif command == 'set':
            oid = read()
            answer([pdu.set(oid, read())])


main()
