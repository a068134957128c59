/**
 * `lvsd drill`: runs the scenarios on a kernel with IPVS, step by step, and says what the client felt.
 */
import { constants } from 'node:os';
import { programPath } from './client.ts';
import { directorProgram, PACKAGE_ROOT, type ProgramName } from './director.ts';
import {
  describeKernel,
  findLabKernel,
  neededDirectories,
  runInsideLabKernel,
} from './lab-kernel.ts';
import { requireAllStopped } from './orderly-stop.ts';
import { hasLvsd } from './real-server.ts';
import { type DrillDocument, formatStep, formatSummary, type ScenarioResult } from './report.ts';
import { RunningLab } from './running-lab.ts';
import { SCENARIO_NAMES, scenarioByName } from './scenarios.ts';
import { type Measurement, StepNotHeld, Steps } from './steps.ts';

export interface DrillOptions {
  /** Names of scenarios; all of them when empty. */
  readonly scenarios: readonly string[];
  /** One JSON document on stdout; the live lines go to stderr. */
  readonly json: boolean;
  /** The program under drill; lvsd. */
  readonly program?: ProgramName;
  /** Runs the same drill on this program too, and reports both. */
  readonly against?: 'keepalived';
  /** Colour for people; by default when the stream they read is a terminal and NO_COLOR is not set. */
  readonly color?: boolean;
  /** We are inside the lab kernel already: run here. */
  readonly isInner?: boolean;
}

const EXIT_OK = 0;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
const EXIT_BY_SIGNAL = 128;
const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves to the exit status: 0 all held, 1 a step did not, 2 wrong call, 128 + N interrupted. */
export async function runDrill(options: DrillOptions): Promise<number> {
  const unknown = options.scenarios.filter((name) => scenarioByName(name) === undefined);
  if (unknown.length > 0) {
    return refuse(
      EXIT_USAGE,
      `Unknown scenario "${unknown.join('", "')}"; there are: ${SCENARIO_NAMES.join(', ')}`,
    );
  }
  if ((options.program ?? 'lvsd') === 'lvsd' && !hasLvsd()) {
    return refuse(EXIT_FAILURE, `There is no bin/lvsd in ${PACKAGE_ROOT} to drill with`);
  }
  const audience = options.json ? process.stderr : process.stdout;
  const color = options.color ?? (audience.isTTY === true && !process.env.NO_COLOR);
  if (options.isInner === true) return runHere(options, color);
  const kernel = findLabKernel();
  if (kernel.kind === 'none') return refuse(EXIT_FAILURE, kernel.detail);
  if (kernel.kind === 'host') return runHere(options, color);
  return runInsideLabKernel({
    argv: [process.execPath, programPath('main'), ...innerArguments(options, color)],
    workingDirectory: PACKAGE_ROOT,
    environment: {
      PATH: process.env.PATH ?? '',
      HOME: '/tmp',
      LANG: 'C.UTF-8',
      // Each program of the lab starts several times; /tmp is the lab kernel's own.
      NODE_COMPILE_CACHE: '/tmp/node-compile-cache',
    },
    hostDirectories: neededDirectories(PACKAGE_ROOT),
    stdout: process.stdout,
    stderr: process.stderr,
  });
}

function innerArguments(options: DrillOptions, color: boolean): readonly string[] {
  return [
    '--inner',
    ...(options.json ? ['--json'] : []),
    ...(color ? ['--color'] : []),
    ...(options.program === undefined ? [] : ['--program', options.program]),
    ...(options.against === undefined ? [] : ['--against', options.against]),
    ...options.scenarios,
  ];
}

function refuse(status: number, sentence: string): number {
  process.stderr.write(`lvsd drill: ${sentence}\n`);
  return status;
}

/** The drill on this kernel. */
async function runHere(options: DrillOptions, color: boolean): Promise<number> {
  const interruption = new AbortController();
  let interruptedBy: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    interruptedBy ??= signal;
    interruption.abort(new Error(`Interrupted by ${signal}`));
  };
  for (const signal of INTERRUPTS) process.on(signal, interrupt);
  const audience = options.json ? process.stderr : process.stdout;
  const say = (line: string): void => void audience.write(`${line}\n`);
  try {
    const names = options.scenarios.length > 0 ? options.scenarios : SCENARIO_NAMES;
    const programs: ProgramName[] = [options.program ?? 'lvsd'];
    if (options.against !== undefined) programs.push(options.against);
    say(`lab kernel ${describeKernel()}`);
    const results: { name: ProgramName; scenarios: readonly ScenarioResult[] }[] = [];
    for (const program of programs) {
      const drill = new ProgramDrill(program, { say, color, signal: interruption.signal });
      results.push({ name: program, scenarios: await drill.run(scenariosOf(program, names)) });
    }
    say(`\n${formatSummary(results, color)}`.trimEnd());
    if (options.json) process.stdout.write(`${JSON.stringify(asDocument(results))}\n`);
    // The peer is there to compare with; its figures are not ours to pass or fail by.
    return results[0]?.scenarios.every(({ ok }) => ok) ? EXIT_OK : EXIT_FAILURE;
  } catch (error) {
    if (interruptedBy !== undefined) return EXIT_BY_SIGNAL + constants.signals[interruptedBy];
    return refuse(EXIT_FAILURE, describeError(error));
  } finally {
    for (const signal of INTERRUPTS) process.off(signal, interrupt);
  }
}

/** Without those that need what the program has not. */
function scenariosOf(program: ProgramName, names: readonly string[]): readonly string[] {
  const { lacks } = directorProgram(program);
  return names.filter((name) => !lacks.has(name));
}

function asDocument(
  results: readonly { name: ProgramName; scenarios: readonly ScenarioResult[] }[],
): DrillDocument {
  const [own, peer] = results;
  const document = { kernel: describeKernel(), scenarios: own?.scenarios ?? [] };
  if (peer === undefined) return document;
  return { ...document, against: { program: peer.name, scenarios: peer.scenarios } };
}

interface Audience {
  readonly say: (line: string) => void;
  readonly color: boolean;
  readonly signal: AbortSignal;
}

/** One program's way through the scenarios. A scenario that failed leaves its lab to nobody. */
class ProgramDrill {
  readonly #program: ProgramName;
  readonly #audience: Audience;
  #lab: RunningLab | undefined;

  constructor(program: ProgramName, audience: Audience) {
    this.#program = program;
    this.#audience = audience;
  }

  async run(names: readonly string[]): Promise<readonly ScenarioResult[]> {
    const results: ScenarioResult[] = [];
    this.#audience.say(`\ndirectors run ${this.#program}`);
    try {
      for (const [index, name] of names.entries()) {
        results.push(await this.#runScenario(name, index === names.length - 1));
      }
    } finally {
      this.#closeLab();
    }
    return results;
  }

  async #runScenario(name: string, isLast: boolean): Promise<ScenarioResult> {
    const { say, color, signal } = this.#audience;
    const steps = new Steps((step) => say(formatStep(name, step, color)));
    let measurement: Measurement | undefined;
    try {
      this.#lab ??= await this.#openLab();
      measurement = await scenarioByName(name)?.(this.#lab, steps);
      if (isLast) await requireAllStopped(this.#lab, steps);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof StepNotHeld)) {
        steps.record({ name: 'the drill itself', ok: false, detail: describeError(error) });
      }
    }
    const ok = steps.taken.length > 0 && steps.taken.every((step) => step.ok);
    if (!ok) {
      for (const line of this.#lab?.logTails() ?? []) say(`  ${line}`);
      this.#closeLab();
    }
    return {
      name,
      ok,
      takeoverMs: roundOrNull(measurement?.takeoverMs),
      outageMs: roundOrNull(measurement?.experience.outageMs),
      requests: measurement?.experience.requests ?? 0,
      failedRequests: measurement?.experience.failedRequests ?? 0,
      steps: steps.taken,
    };
  }

  #openLab(): Promise<RunningLab> {
    const { say, signal } = this.#audience;
    say('making the lab: a bridge, two directors, two real servers, a client …');
    return RunningLab.open({ program: directorProgram(this.#program), signal });
  }

  #closeLab(): void {
    this.#lab?.close();
    this.#lab = undefined;
  }
}

function roundOrNull(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms);
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
