import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { initScript } from '../../src/drill/uml-init.ts';

const OPTIONS = {
  argv: ['printf', '%s\\n', "it's", '$HOME `id`'],
  workingDirectory: '/srv/some where',
  environment: { LANG: 'C.UTF-8' },
  hostDirectories: ['/srv/lvsd', '/tmp/checkout'],
};

test('the script is one a shell reads', () => {
  execFileSync('sh', ['-n'], { input: initScript(OPTIONS) });
});

test('arguments reach the program as they were given', () => {
  const line = initScript(OPTIONS)
    .split('\n')
    .find((one) => one.startsWith('env -i '));
  // Without the redirections, which are the lab kernel's serial lines.
  const command = line?.replace(/ <.*$/, '') ?? '';
  const printed = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
  expect(printed).toBe("it's\n$HOME `id`\n");
});

test('a directory that a tmpfs would hide is mounted again, others are not', () => {
  const script = initScript(OPTIONS);
  expect(script).toContain("mount -t hostfs -o '/tmp/checkout' -r none '/tmp/checkout'");
  expect(script).not.toContain("'/srv/lvsd'");
});
