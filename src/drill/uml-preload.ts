/**
 * What linux.uml needs in its environment on this machine: where the processor has more registers than it
 * knows, the library that `./setup` compiles from uml-xstate.c.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** From src/drill and from dist/drill alike. */
const LIBRARY = fileURLToPath(new URL('../../dist/drill/uml-xstate.so', import.meta.url));

/** What user-mode Linux says when it lacks it. */
const LACKS_PRELOAD = 'ptrace set fp regs failed';

/** The environment of linux.uml itself: nothing of it reaches what runs inside. */
export function umlEnvironment(): Readonly<Record<string, string>> {
  return existsSync(LIBRARY) ? { LD_PRELOAD: LIBRARY } : {};
}

/** What to do about a lab kernel that ended with this on its console; undefined when that is not the cause. */
export function preloadAdvice(console: string): string | undefined {
  if (!console.includes(LACKS_PRELOAD)) return undefined;
  return 'this processor has more registers than linux.uml knows: run "./setup drill", which compiles what it lacks';
}
