import { execFileSync, spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRoot, Namespace, type Program, ROOT_REASON } from './namespace.ts';
import type { FirewallCommand } from './programs/address-firewall.ts';

describe.runIf(isRoot)(`addresses that are denied (${ROOT_REASON})`, () => {
  let host: Namespace;
  let client: Namespace;
  let program: Program;

  beforeEach(() => {
    host = Namespace.create();
    client = Namespace.create();
    host.connect('left', client, 'right');
    host.ip('addr', 'add', '10.9.0.1/24', 'dev', 'left');
    host.ip('addr', 'add', '10.9.0.100/32', 'dev', 'left');
    host.ip('addr', 'add', 'fd09::1/64', 'dev', 'left', 'nodad');
    host.ip('addr', 'add', 'fd09::100/128', 'dev', 'left', 'nodad');
    client.ip('addr', 'add', '10.9.0.2/24', 'dev', 'right');
    client.ip('addr', 'add', 'fd09::2/64', 'dev', 'right', 'nodad');
  });

  afterEach(async () => {
    await program.kill();
    host.remove();
    client.remove();
  });

  const start = async (table: string, need = 'needed'): Promise<void> => {
    program = host.start('address-firewall', { arguments: [table, need] });
    await program.next('ready');
  };
  const ask = (command: FirewallCommand): Promise<unknown> => program.ask({ ...command });
  const inHost = (...words: string[]): string =>
    execFileSync('ip', ['netns', 'exec', host.name, ...words], { encoding: 'utf8' });
  const listed = (table: string): string => inHost('nft', 'list', 'table', 'inet', table);
  /** Nothing listens there: a host that takes the packet refuses the connection. */
  const ASK = `
    const socket = require('node:net').connect(9, process.argv[1]);
    socket.on('error', ({ code }) => process.exit(code === 'ECONNREFUSED' ? 0 : 1));
    socket.setTimeout(500, () => process.exit(1));
  `;
  const answers = (address: string): boolean =>
    spawnSync('ip', ['netns', 'exec', client.name, process.execPath, '-e', ASK, address]).status ===
    0;

  test('are dropped, and nothing else is; neighbour discovery goes on', async () => {
    await start('lvsd');
    expect(answers('10.9.0.100')).toBe(true);
    await ask({ do: 'deny', address: '10.9.0.100' });
    await ask({ do: 'deny', address: 'fd09::100' });
    client.ip('neigh', 'flush', 'dev', 'right');
    expect(answers('10.9.0.100')).toBe(false);
    expect(answers('fd09::100')).toBe(false);
    expect(answers('10.9.0.1')).toBe(true);
    expect(answers('fd09::1')).toBe(true);
    const neighbors: { dst: string; lladdr?: string }[] = JSON.parse(
      client.ip('-j', 'neigh', 'show', 'dev', 'right'),
    );
    expect(neighbors.find(({ dst }) => dst === 'fd09::100')?.lladdr).toBeDefined();
    await ask({ do: 'allow', address: 'fd09::100' });
    await ask({ do: 'allow', address: '10.9.0.100' });
    expect(answers('10.9.0.100')).toBe(true);
    expect(answers('fd09::100')).toBe(true);
    expect(program.waiting('refused')).toEqual([]);
  });

  test('are in a table as nft shows it, and the table goes', async () => {
    await start('mine');
    await ask({ do: 'deny', address: '10.9.0.100' });
    await ask({ do: 'deny', address: 'fd09::100' });
    expect(listed('mine')).toMatchInlineSnapshot(`
      "table inet mine {
      	set denied4 {
      		type ipv4_addr
      		elements = { 10.9.0.100 }
      	}

      	set denied6 {
      		type ipv6_addr
      		elements = { fd09::100 }
      	}

      	chain input {
      		type filter hook input priority 101; policy accept;
      		icmpv6 type nd-neighbor-solicit accept
      		icmpv6 type nd-neighbor-advert accept
      		ip daddr @denied4 drop
      		ip6 daddr @denied6 drop
      	}
      }
      "
    `);
    await ask({ do: 'close' });
    expect(inHost('nft', 'list', 'tables')).toBe('');
  });

  test('what a killed process left is gone with the next start', async () => {
    await start('lvsd');
    await ask({ do: 'deny', address: '10.9.0.100' });
    await program.kill();
    expect(answers('10.9.0.100')).toBe(false);
    await start('lvsd', 'not needed');
    expect(inHost('nft', 'list', 'tables')).toBe('');
    await program.kill();
    await start('lvsd');
    expect(listed('lvsd')).not.toContain('10.9.0.100');
    expect(answers('10.9.0.100')).toBe(true);
  });
});
