/**
 * Network namespaces of a test's own, and programs that run in them. A vitest worker stays in its
 * own namespace, so what is tested runs in a child: one of `programs/`, which takes JSON lines on
 * stdin, writes JSON lines on stdout and ends when its stdin does.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const isRoot = process.getuid?.() === 0;
export const ROOT_REASON = 'network namespaces and raw sockets need root';

const LINE_TIMEOUT_MS = 10_000;
const NOBODY = '65534';

export type Line = Readonly<Record<string, unknown>>;

let created = 0;

export class Namespace {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Empty but for `lo`, which is up. */
  static create(): Namespace {
    created += 1;
    const namespace = new Namespace(`lvk-${process.pid}-${created}`);
    execFileSync('ip', ['netns', 'add', namespace.name]);
    namespace.ip('link', 'set', 'lo', 'up');
    return namespace;
  }

  /** A veth pair between two namespaces, both ends up: `left` here, `right` there. */
  connect(left: string, peer: Namespace, right: string): void {
    const there = ['peer', 'name', right, 'netns', peer.name];
    this.ip('link', 'add', left, 'type', 'veth', ...there);
    this.ip('link', 'set', left, 'up');
    peer.ip('link', 'set', right, 'up');
  }

  ip(...words: string[]): string {
    return execFileSync('ip', ['-n', this.name, ...words], { encoding: 'utf8' });
  }

  /** `ip -j addr` of one interface: the independent reader. */
  addresses(device: string): readonly AddressInfo[] {
    const [link] = JSON.parse(this.ip('-j', 'addr', 'show', 'dev', device));
    return link.addr_info;
  }

  ifindex(device: string): number {
    return JSON.parse(this.ip('-j', 'link', 'show', 'dev', device))[0].ifindex;
  }

  start(program: string, options: ProgramOptions = {}): Program {
    return Program.start(program, { ...options, namespace: this.name });
  }

  /** Any command; its output arrives as lines `{ text }` and `{ stderr }`. */
  spawn(command: string, ...words: string[]): Program {
    return new Program(spawn('ip', ['netns', 'exec', this.name, command, ...words]), false);
  }

  remove(): void {
    execFileSync('ip', ['netns', 'del', this.name]);
  }
}

export interface AddressInfo {
  readonly family: string;
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly label?: string;
  readonly broadcast?: string;
  readonly protocol?: string;
  readonly nodad?: boolean;
}

export interface ProgramOptions {
  readonly namespace?: string;
  readonly arguments?: readonly string[];
  readonly nodeOptions?: readonly string[];
  /** Run as nobody, without capabilities but these. */
  readonly isUnprivileged?: boolean;
  /** As setpriv names them: `net_raw`. */
  readonly capabilities?: readonly string[];
}

export class Program {
  readonly #child: ChildProcess;
  readonly #lines: Line[] = [];
  readonly #exited: Promise<unknown>;
  #wake: () => void = () => {};
  #errors = '';

  constructor(child: ChildProcess, isJson: boolean) {
    this.#child = child;
    // 'close': also every descendant that inherited the pipes is gone.
    this.#exited = once(child, 'close').then(() => this.#wake());
    onLine(child.stdout, (text) => this.#add(isJson ? JSON.parse(text) : { text }));
    onLine(child.stderr, (text) => {
      this.#errors += `${text}\n`;
      if (!isJson) this.#add({ stderr: text });
    });
  }

  static start(program: string, options: ProgramOptions): Program {
    const script = fileURLToPath(new URL(`./programs/${program}.ts`, import.meta.url));
    const nobody = ['setpriv', '--reuid', NOBODY, '--regid', NOBODY, '--clear-groups'];
    const kept = (options.capabilities ?? []).map((name) => `+${name}`).join(',');
    if (kept !== '') nobody.push('--inh-caps', kept, '--ambient-caps', kept);
    const [command = '', ...words] = [
      ...(options.namespace === undefined ? [] : ['ip', 'netns', 'exec', options.namespace]),
      ...(options.isUnprivileged === true ? nobody : []),
      process.execPath,
      ...(options.nodeOptions ?? []),
      script,
      ...(options.arguments ?? []),
    ];
    return new Program(spawn(command, words), true);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  send(line: Line): void {
    this.#child.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  /** Asks and returns the next line that has `result` in it. */
  async ask(line: Line): Promise<unknown> {
    this.send(line);
    return (await this.next('result')).result;
  }

  /** Takes the next line that has this field; fails when it does not come in time. */
  async next(field: string, matches: (line: Line) => boolean = () => true): Promise<Line> {
    const deadline = AbortSignal.timeout(LINE_TIMEOUT_MS);
    while (true) {
      const index = this.#lines.findIndex((line) => field in line && matches(line));
      const [line] = index < 0 ? [] : this.#lines.splice(index, 1);
      if (line !== undefined) return line;
      await new Promise<void>((resolve, reject) => {
        const fail = () => reject(new Error(this.#whyNothing(field)));
        if (deadline.aborted || this.#child.exitCode !== null) return fail();
        deadline.addEventListener('abort', fail, { once: true });
        this.#wake = resolve;
      });
    }
  }

  /** Lines with this field that nobody has taken yet. */
  waiting(field: string): readonly Line[] {
    return this.#lines.filter((line) => field in line);
  }

  /** Ends stdin and waits for the exit; returns the exit status. */
  async end(): Promise<number | null> {
    this.#child.stdin?.end();
    await this.#exited;
    if (this.#child.exitCode !== 0) throw new Error(`The program failed: ${this.#errors}`);
    return this.#child.exitCode;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async exited(): Promise<void> {
    await this.#exited;
  }

  #add(line: Line): void {
    this.#lines.push(line);
    this.#wake();
  }

  #whyNothing(field: string): string {
    const heard = JSON.stringify(this.#lines);
    return `No line with "${field}" came; heard ${heard}; on stderr: ${this.#errors}`;
  }
}

function onLine(stream: NodeJS.ReadableStream | null, take: (line: string) => void): void {
  let rest = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
