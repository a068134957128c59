/** The lab's network on this kernel; needs root, not IPVS. */
import { afterEach, expect, test } from 'vitest';
import { poll, run, runSync } from '../../src/drill/command.ts';
import { NODE_NAMES, nodeAddress } from '../../src/drill/lab.ts';
import { Topology } from '../../src/drill/topology.ts';

const isRoot = process.getuid?.() === 0;
const topology = new Topology();
const signal = new AbortController().signal;

afterEach(() => topology.destroy());

/** A node that is there refuses a connection to the discard port; one that is not is not heard of. */
const CONNECT = `require('node:net').connect({ host: process.argv[1], port: 9 })
  .on('error', ({ code }) => process.exit(code === 'ECONNREFUSED' ? 0 : 1))`;

function answers(address: string): true | undefined {
  const argv = [...topology.on('client'), process.execPath, '-e', CONNECT, address];
  return runSync(argv).ok ? true : undefined;
}

/** Carrier of eth0 as the node sees it. */
async function hasCarrier(node: 'director1'): Promise<boolean> {
  const text = await run(['ip', '-n', topology.namespace(node), '-j', 'link', 'show', 'eth0']);
  return text.includes('"LOWER_UP"');
}

test.skipIf(!isRoot)('every node reaches the others until its cable is pulled', async () => {
  await topology.create();
  const options = { deadlineMs: 5_000, signal };
  for (const node of NODE_NAMES) {
    const outcome = await poll(() => answers(nodeAddress(node)), options);
    expect([node, outcome.ok]).toEqual([node, true]);
  }
  await topology.unplug('director1');
  expect(await hasCarrier('director1')).toBe(false);
  await topology.plug('director1');
  const back = await poll(() => answers(nodeAddress('director1')), options);
  expect(back.ok).toBe(true);
});

test.skipIf(!isRoot)('a reboot leaves nothing of before on a node', async () => {
  await topology.create();
  const namespace = topology.namespace('director1');
  await run(['ip', '-n', namespace, 'address', 'add', '192.168.10.188/32', 'dev', 'eth0']);
  await topology.reboot('director1');
  expect(await run(['ip', '-n', namespace, 'address'])).not.toContain('192.168.10.188');
  expect(await topology.processes('director1')).toEqual([]);
  const redirects = `/proc/sys/net/ipv4/conf/eth0/send_redirects`;
  expect(await run([...topology.on('director1'), 'cat', redirects])).toBe('0\n');
});

test.skipIf(!isRoot)('what it made is gone when it is destroyed', async () => {
  await topology.create();
  const own = `lvsd-${process.pid}-`;
  expect(runSync(['ip', 'netns', 'list']).stdout).toContain(own);
  topology.destroy();
  expect(runSync(['ip', 'netns', 'list']).stdout).not.toContain(own);
});
