/** `lvsd handover` where it cannot be done, with the real daemon: refused by name, and nothing has moved. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually, Segment } from '../netns/segment.ts';

const VIP = '10.66.0.188';

let segment: Segment;
let directory: string;

beforeEach(() => {
  segment = new Segment();
  directory = mkdtempSync(join(tmpdir(), 'lvsd-handover-'));
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

it('a backup refuses, a master alone goes on serving, and both say why', {
  timeout: 60_000,
}, async () => {
  const start = (name: string, address: string, priority: number) => {
    const host = segment.addHost(name, `${address}/24`);
    const file = join(directory, `${name}.conf`);
    writeFileSync(
      file,
      `vrrp_instance VI_1 {
interface eth0
virtual_router_id 66
version 3
priority ${priority}
advert_int 0.1
virtual_ipaddress {
${VIP}/32
}
}
`,
    );
    const socket = join(directory, `${name}.sock`);
    const process = segment.spawn(host, 'bin/lvsd', 'run', '-f', file, '--socket', socket);
    process.stderr?.resume();
    const lvsd = (...words: readonly string[]) =>
      spawnSync('bin/lvsd', [...words, '--socket', socket], { encoding: 'utf8' });
    return { host, lvsd, holds: () => segment.addresses(host).includes(VIP) };
  };
  const master = start('d1', '10.66.0.1', 200);
  await eventually('it is master', master.holds);
  const alone = master.lvsd('handover', 'VI_1', '--json');
  expect(alone.status).toBe(1);
  expect(JSON.parse(alone.stdout)).toMatchObject({ ok: false, code: 'NO_SUCCESSOR' });
  expect(master.holds()).toBe(true);
  expect(master.lvsd('status').stdout).toContain('MASTER');
  const backup = start('d2', '10.66.0.2', 100);
  await eventually('the backup hears it', () => backup.lvsd('status').stdout.includes('BACKUP'));
  const refused = backup.lvsd('handover', VIP, '--json');
  expect(refused.status).toBe(1);
  expect(JSON.parse(refused.stdout)).toMatchObject({ ok: false, code: 'NOT_MASTER' });
  expect([master.holds(), backup.holds()]).toEqual([true, false]);
});
