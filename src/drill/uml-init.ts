/**
 * The first process of the lab kernel, as a shell script. P.
 *
 * The kernel's root is the host's file system, read-only; what must be writable gets a tmpfs over it.
 * Three serial lines carry, one each, the inner program's stdout, its stderr, and its state (`started`,
 * then `exit N`). They are raw, so bytes arrive as written, and the first two end with an END_MARK.
 */
export interface InitOptions {
  readonly argv: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Directories of the host the program needs, wherever they are: also below one that is hidden. */
  readonly hostDirectories: readonly string[];
}

/** ASCII end of transmission: cannot stand in JSON or in a line for people. */
export const END_MARK = '\u0004';

const WRITABLE = ['/run', '/tmp', '/var/tmp', '/mnt'];

const MODULES = ['ip_vs', 'ip_vs_rr', 'ip_vs_wrr', 'ip_vs_lc', 'ip_vs_wlc', 'veth', 'bridge'];

export function initScript({
  argv,
  workingDirectory,
  environment,
  hostDirectories,
}: InitOptions): string {
  const hidden = hostDirectories.filter((directory) =>
    WRITABLE.some((top) => `${directory}/`.startsWith(`${top}/`)),
  );
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return `#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t tmpfs -o mode=755 none /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/full c 1 7
mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9
mknod -m 666 /dev/tty c 5 0
mknod /dev/ttyS0 c 4 64
mknod /dev/ttyS1 c 4 65
mknod /dev/ttyS2 c 4 66
ln -s /proc/self/fd /dev/fd
mkdir /dev/shm /dev/net
mknod /dev/net/tun c 10 200
for directory in /dev/shm ${WRITABLE.join(' ')}; do
  [ -d "$directory" ] && mount -t tmpfs -o mode=1777 none "$directory"
done
${hidden.map(mountHostDirectory).join('')}exec 3>/dev/ttyS0 4>/dev/ttyS1 5>/dev/ttyS2
for line in /dev/ttyS0 /dev/ttyS1 /dev/ttyS2; do stty raw -echo <"$line"; done
ip link set lo up
for module in ${MODULES.join(' ')}; do modprobe "$module"; done
cd ${quote(workingDirectory)}
echo started >&5
env -i ${[...variables, ...argv].map(quote).join(' ')} </dev/null >&3 2>&4 3>&- 4>&- 5>&-
status=$?
printf '\\004' >&3
printf '\\004' >&4
echo "exit $status" >&5
echo o >/proc/sysrq-trigger
while :; do sleep 60; done
`;
}

function mountHostDirectory(directory: string): string {
  const path = quote(directory);
  return `mkdir -p ${path}\nmount -t hostfs -o ${path} -r none ${path}\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
