/** What is known of a file from the last time: never seen in the result, only in the time it takes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CompileResult, compileText } from '../../src/config/compile.ts';
import { diffConfig } from '../../src/config/diff.ts';
import { KeptBlocks } from '../../src/config/kept-blocks.ts';
import { type Files, includesFrom } from './compile-fixture.ts';
import { LVS_CASES } from './lvs-cases.ts';
import { NAMED_FILES } from './vrrp-cases.ts';

function read(text: string, blocks?: KeptBlocks, files: Files = {}): CompileResult {
  return compileText('lvs.conf', text, {
    configId: 'director1',
    include: includesFrom(files),
    files: NAMED_FILES,
    ...(blocks === undefined ? {} : { blocks }),
  });
}

interface Settings {
  readonly weight?: number;
  readonly check?: string;
  readonly head?: string;
}

const GLOBAL = 'global_defs {\n  router_id a\n}\n';
const TCP = 'TCP_CHECK {\n      connect_timeout 2\n    }';

function service(address: string, { weight = 1, check = TCP, head = '' }: Settings = {}): string {
  return `virtual_server ${address} 80 {
  delay_loop 5
  lb_algo rr
  lb_kind DR
  protocol TCP
${head}  real_server 10.9.0.1 80 {
    weight ${weight}
    ${check}
  }
  real_server 10.9.0.2 80 {
    ${check}
  }
}
`;
}

test('a block that did not change is not read again, and one that moved is where it stands now', () => {
  const blocks = new KeptBlocks();
  const [a, b, c] = [service('10.0.0.1'), service('10.0.0.2'), service('10.0.0.3')];
  const before = read(`${GLOBAL}${a}${b}${c}`, blocks).config?.virtualServers ?? [];
  const text = `${GLOBAL}${a}${service('10.0.0.2', { weight: 7, head: '\n' })}${c}`;
  const after = read(text, blocks);
  const [first, second, third] = after.config?.virtualServers ?? [];
  expect(first).toBe(before[0]);
  expect(second).not.toEqual(before[1]);
  expect(third?.span.line).toBe((before[2]?.span.line ?? 0) + 1);
  expect(
    [first, second, third].map((one, at) => one && blocks.isSame(one, before[at] ?? one)),
  ).toEqual([true, false, true]);
  expect(after).toEqual(read(text));
});

test('a block that asked about a file is read again: the file may be another one', () => {
  const blocks = new KeptBlocks();
  const text = service('10.0.0.1', { check: 'MISC_CHECK {\n      misc_path /bin/true\n    }' });
  const [before] = read(text, blocks).config?.virtualServers ?? [];
  const [after] = read(text, blocks).config?.virtualServers ?? [];
  expect(after).toEqual(before);
  expect(after).not.toBe(before);
});

test('a block that names another block is read again when that is another one', () => {
  const blocks = new KeptBlocks();
  const text = (port: number): string =>
    `virtual_server_group G {\n  10.0.0.1 ${port}\n}\n${service('10.0.0.2').replace('10.0.0.2 80', 'group G')}`;
  read(text(80), blocks);
  expect(read(text(0), blocks)).toEqual(read(text(0)));
});

test('what is wrong anywhere is said as ever, and what was known still is after it', () => {
  const blocks = new KeptBlocks();
  const good = `${service('10.0.0.1')}${service('10.0.0.2')}`;
  const [before] = read(good, blocks).config?.virtualServers ?? [];
  const bad = `virtual_server_group G {\n${good}`;
  expect(read(bad, blocks)).toEqual(read(bad));
  expect(read(good, blocks).config?.virtualServers[0]).toBe(before);
});

/** What brings about each fault of the LVS side, indented as people do. */
const faults = Object.values(LVS_CASES).map(({ text }) => {
  let depth = 0;
  return text
    .split('\n')
    .map((line) => {
      const shown = '  '.repeat(Math.max(0, line.startsWith('}') ? depth - 1 : depth)) + line;
      depth += line.split('{').length - line.split('}').length;
      return shown;
    })
    .join('\n');
});

const TWICE = 'TCP_CHECK {\n      retry 1\n      retry 2\n    }';
const HTTP = 'HTTP_GET {\n      url {\n        path /\n        status_code 200\n      }\n    }';
const SCRIPT = 'MISC_CHECK {\n      misc_path /bin/true\n    }';
const block = fc
  .record({
    host: fc.integer({ min: 1, max: 250 }),
    weight: fc.integer({ min: 1, max: 2 }),
    isFlat: fc.boolean(),
    check: fc.constantFrom(TCP, TWICE, TWICE, HTTP, SCRIPT, '# nothing'),
    head: fc.constantFrom(
      '',
      '',
      '\n',
      '  alpha\n',
      '  quorum $Q\n',
      '@director1 alpha\n',
      'alpha\n',
    ),
  })
  .map(({ host, isFlat, ...settings }) => {
    const text = service(`10.0.0.${host}`, settings);
    // Then the first brace that closes at the first column is that of a server.
    return isFlat ? text.replaceAll(/^ +/gm, '') : text;
  });
const other = fc.constantFrom(
  GLOBAL,
  '$Q=1\n',
  '$Q=2\n',
  '\n',
  '# a comment\n',
  'include more\n',
  'virtual_server_group G {\n  10.0.1.1 80\n}\n',
  'virtual_server_group G {\n  10.0.1.1-3 80\n}\n',
  service('10.0.0.99').replace('10.0.0.99 80', 'group G'),
);
const slip = fc.constantFrom('}\n', 'vrrp_script x {\n', '$A=a \\\n', '$A=a \\', ...faults);
const part = fc.oneof(
  { weight: 8, arbitrary: block },
  { weight: 4, arbitrary: other },
  { weight: 1, arbitrary: slip },
);
const edit = fc.record({
  at: fc.nat(12),
  removed: fc.integer({ min: 0, max: 2 }),
  added: fc.array(part, { maxLength: 2 }),
});

test('whatever is done to a file, the result is that of reading all of it', () => {
  let [reused, moved] = [0, 0];
  const whole = fc.array(fc.oneof({ weight: 3, arbitrary: block }, other), { maxLength: 10 });
  const edits = fc.array(edit, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(whole, fc.array(block, { maxLength: 2 }), edits, (first, included, changes) => {
      const blocks = new KeptBlocks();
      const files = { more: included.join('') };
      const parts = ['$Q=1\n', ...first];
      let known: CompileResult['config'];
      for (const { at, removed, added } of [{ at: 0, removed: 0, added: [] }, ...changes]) {
        parts.splice(at, removed, ...added);
        const result = read(parts.join(''), blocks, files);
        expect(result).toEqual(read(parts.join(''), undefined, files));
        const before = known?.virtualServers ?? [];
        const kept = (result.config?.virtualServers ?? []).filter((one) =>
          before.some((each) => blocks.isSame(one, each)),
        );
        reused += kept.length;
        moved += kept.filter((one) => !before.includes(one)).length;
        if (known !== undefined && result.config !== undefined) {
          const changed = diffConfig(known, result.config, (a, b) => blocks.isSame(a, b));
          expect(changed).toEqual(diffConfig(known, result.config));
        }
        known = result.config ?? known;
      }
    }),
    { numRuns: 300 },
  );
  expect(reused).toBeGreaterThan(100);
  expect(moved).toBeGreaterThan(50);
}, 60_000);
