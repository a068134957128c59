/**
 * What ipvs-operations.test.ts runs where the kernel has IPVS: a whole daemon, asked as an operator
 * asks it, beside `ipvsadm`. It judges nothing and prints what it saw as one JSON document.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { Director, run, text, until } from './director.ts';

const DIRECTORY = '/tmp/operations';
const SAID = `${DIRECTORY}/said`;
const SCRIPT = `${DIRECTORY}/say.sh`;
const FIFO = `${DIRECTORY}/fifo`;
const FIFO_COPY = `${DIRECTORY}/fifo-copy`;
const VIP = '10.80.0.188';
const SERVERS = ['10.80.0.101', '10.80.0.102'] as const;
const PORT = 8080;

export type OperationsReport = Awaited<ReturnType<typeof main>>;

function global(lines: string): string {
  return `global_defs {\n  script_user root\n  lvs_notify_fifo ${FIFO}\n${lines}}\n`;
}

function server(address: string, weight = 1): string {
  return `  real_server ${address} ${PORT} {
    weight ${weight}
    notify_up "${SCRIPT} up ${address}"
    notify_down "${SCRIPT} down ${address}"
    TCP_CHECK {
    }
  }
`;
}

function service(servers: string, lines = '', port = PORT): string {
  return `virtual_server ${VIP} ${port} {
  delay_loop 1
  lvs_sched rr
  lvs_method NAT
  protocol TCP
  alpha
${lines}${servers}}
`;
}

const BOTH = SERVERS.map((each) => server(each)).join('');
const HOOKS = `  quorum 2
  quorum_up "${SCRIPT} quorum up"
  quorum_down "${SCRIPT} quorum down"
  omega
  drain_timeout 20
`;
const DRAINED = '  drain_timeout 20\n';

function listen(address: string): Promise<Server> {
  return new Promise((resolve) => {
    const opened = createServer((socket: Socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes) => socket.write(bytes));
    });
    opened.listen(PORT, address, () => resolve(opened));
  });
}

const lines = (path: string): string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
const ipvsadm = (...args: readonly string[]): Promise<string> => text('ipvsadm', ...args);

async function weightsAre(expected: string): Promise<void> {
  await until(`the table has ${expected}`, async () => (await weights()) === expected);
}

/** `10.80.0.101:8080 1, …`. */
async function weights(): Promise<string> {
  const listing = await ipvsadm('-Ln');
  return [...listing.matchAll(/-> (10\S+) +Masq +(\d+)/g)]
    .map(([, name, weight]) => `${name} ${weight}`)
    .sort()
    .join(', ');
}

const UP = SERVERS.map((each) => `${each}:${PORT} 1`).join(', ');

async function main() {
  await text('ip', 'link', 'add', 'eth0', 'type', 'dummy');
  await text('ip', 'link', 'set', 'eth0', 'up');
  for (const address of ['10.80.0.100', VIP, ...SERVERS]) {
    await text('ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0');
  }
  const director = new Director(DIRECTORY);
  writeFileSync(SCRIPT, `#!/bin/sh\necho "$*" >>${SAID}\n`);
  chmodSync(SCRIPT, 0o755);
  const servers = await Promise.all(SERVERS.map(listen));
  const hooks = await runHooks(director, servers);
  const control = await runControl(director);
  const listing = await runListing(director);
  const suspension = await runSuspension(director);
  const stopping = await runStopPolicies(director);
  for (const each of servers) each.close();
  return { hooks, control, listing, suspension, stopping };
}

/** Hooks and FIFO lines: both up, one down, up again, and omega at the stop. */
async function runHooks(director: Director, servers: Server[]) {
  await text('mkfifo', FIFO);
  const reader = spawn('sh', ['-c', `cat ${FIFO} >${FIFO_COPY}`], { stdio: 'ignore' });
  await director.start(`${global('')}${service(BOTH, HOOKS)}`);
  await until('the quorum is told', () => lines(SAID).includes('quorum up'));
  await until('both are told', () => lines(SAID).length === 3);
  const atStart = lines(SAID);
  servers[1]?.close();
  await until('the loss is told', () => lines(SAID).length === 5);
  const afterLoss = lines(SAID).slice(3);
  servers[1] = await listen(SERVERS[1]);
  await until('the return is told', () => lines(SAID).length === 7);
  const afterReturn = lines(SAID).slice(5);
  const status = await director.stop();
  const atStop = lines(SAID).slice(7);
  reader.kill('SIGTERM');
  const fifo = readFileSync(FIFO_COPY, 'utf8');
  return { atStart, afterLoss, afterReturn, atStop, status, fifo, left: await ipvsadm('-Sn') };
}

/** plan, reload, refusals, two reloads at once. */
async function runControl(director: Director) {
  const before = service(BOTH, DRAINED);
  await director.start(before);
  await weightsAre(UP);
  const table = await ipvsadm('-Sn');
  const heavier = service(server(SERVERS[0], 5), DRAINED);
  writeFileSync(director.file, heavier);
  const planned = await director.ask('plan');
  const plannedJson = await director.askJson('plan');
  const afterPlan = await ipvsadm('-Sn');
  const broken = `${DIRECTORY}/broken.conf`;
  writeFileSync(broken, heavier.replace('weight 5', 'wieght 5'));
  const refused = await director.ask('reload', broken);
  const refusedPlan = await director.ask('plan', broken);
  const absent = await director.ask('reload', `${DIRECTORY}/absent.conf`);
  const afterRefusals = await ipvsadm('-Sn');
  const reloaded = await director.ask('reload');
  const afterReload = await weights();
  await weightsAre(`${SERVERS[0]}:${PORT} 5`);
  const other = `${DIRECTORY}/other.conf`;
  writeFileSync(other, service(server(SERVERS[0], 7), DRAINED));
  const atOnce = await Promise.all([
    director.askJson('reload', other),
    director.askJson('reload', director.file),
    director.askJson('reload', other),
  ]);
  // Which of them came last nobody knows: from here on it is this file.
  await director.ask('reload', other);
  await weightsAre(`${SERVERS[0]}:${PORT} 7`);
  writeFileSync(other, before);
  director.signal('SIGHUP');
  await weightsAre(UP);
  const names = JSON.parse((await director.ask('status', '--json')).stdout).configFile;
  const hupLog = director.log.split('\n').filter((line) => line.includes('"reload applied"'));
  await director.stop();
  return {
    table,
    planned,
    plannedJson,
    afterPlan,
    refused,
    refusedPlan,
    absent,
    afterRefusals,
    reloaded,
    afterReload,
    atOnce,
    names,
    reloads: hupLog.length,
    unreachable: await director.ask('reload'),
  };
}

/** Traffic, then our figures between two readings of ipvsadm. */
async function runListing(director: Director) {
  await ipvsadm('-A', '-t', '10.80.0.199:80', '-s', 'wlc', '-p', '120');
  await ipvsadm('-a', '-t', '10.80.0.199:80', '-r', '10.80.0.9:80', '-g');
  await director.start(service(BOTH, DRAINED));
  await weightsAre(UP);
  const clients = await Promise.all(Array.from({ length: 6 }, () => connectTo(VIP)));
  // The kernel adds its counters up every 2 s; then they stand still.
  const settled = async (): Promise<boolean> => {
    const one = await ipvsadm('-Ln', '--stats', '--exact');
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    return one === (await ipvsadm('-Ln', '--stats', '--exact')) && / 6 /.test(one);
  };
  await until('the counters are added up', settled);
  const report = {
    table: await director.ask('ipvs'),
    byIpvsadm: await ipvsadm('-Ln'),
    stats: await director.ask('ipvs', '--stats'),
    statsByIpvsadm: await ipvsadm('-Ln', '--stats', '--exact'),
    rateBefore: await ipvsadm('-Ln', '--rate', '--exact'),
    rate: await director.ask('ipvs', '--rate'),
    rateAfter: await ipvsadm('-Ln', '--rate', '--exact'),
    json: await director.askJson('ipvs'),
    connections: await director.ask('ipvs', '--connections'),
    connectionsByIpvsadm: await ipvsadm('-Lnc'),
    two: await director.ask('ipvs', '--connections', '--limit', '2'),
    one: await director.ask('ipvs', '--connections', `${SERVERS[0]}:${PORT}`),
    named: await director.ask('ipvs', SERVERS[0]),
    unknown: await director.ask('ipvs', '10.9.9.9'),
  };
  for (const client of clients) client.destroy();
  await director.stop();
  const left = await ipvsadm('-Sn');
  await ipvsadm('-C');
  return { ...report, left };
}

function connectTo(address: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    import('node:net').then(({ connect }) => {
      const socket = connect(PORT, address, () => {
        socket.write('x');
        socket.once('data', () => resolve(socket));
      });
      socket.once('error', reject);
    }, reject);
  });
}

/** The address goes and comes back. */
async function runSuspension(director: Director) {
  const states = async (): Promise<string> => {
    const { stdout } = await director.ask('status', '--json');
    const servers: readonly { isUp: boolean; isSuspended?: boolean }[] =
      JSON.parse(stdout).health.servers;
    return servers
      .map(({ isUp, isSuspended }) => `${isUp ? 'up' : 'down'}${isSuspended ? ' suspended' : ''}`)
      .join(', ');
  };
  await text('ip', 'addr', 'del', `${VIP}/24`, 'dev', 'eth0');
  await director.start(service(BOTH, '  ha_suspend\n'));
  const absent = await states();
  const shown = await director.ask('status');
  await text('ip', 'addr', 'add', `${VIP}/24`, 'dev', 'eth0');
  await until('they are checked', async () => (await states()) === 'up, up');
  const present = await states();
  await text('ip', 'addr', 'del', `${VIP}/24`, 'dev', 'eth0');
  await until('they rest', async () => (await states()).includes('suspended'));
  const again = await states();
  await text('ip', 'addr', 'add', `${VIP}/24`, 'dev', 'eth0');
  await director.stop();
  return { absent, present, again, shown: shown.stdout };
}

/** keep, a restart that adopts, and drain with a connection that is open. */
async function runStopPolicies(director: Director) {
  const keep = `${global('  lvs_stop_policy keep\n')}${service(BOTH, DRAINED)}`;
  await director.start(keep);
  await weightsAre(UP);
  const client = await connectTo(VIP);
  const before = await ipvsadm('-Ln', '--stats', '--exact');
  const keptStatus = await director.stop();
  const kept = await weights();
  const logged = director.log.length;
  await director.start(keep);
  const adopted = await weights();
  const echoed = await echo(client);
  await until('a check has run', async () => (await weights()) === UP);
  const touched = director.log
    .slice(logged)
    .split('\n')
    .filter((line) => line.includes('"operation"'));
  writeFileSync(director.file, keep.replace('policy keep', 'policy drain'));
  await director.ask('reload');
  const stopped = director.stop();
  await until('it drains', async () => (await weights()).endsWith(' 0'));
  const during = await weights();
  const shown = await director.ask('ipvs');
  const echoedWhileDraining = await echo(client);
  client.destroy();
  const drainedStatus = await stopped;
  const after = await ipvsadm('-Sn');
  const leftovers = await runLeftovers(director, keep);
  return {
    leftovers,
    before,
    keptStatus,
    kept,
    adopted,
    touched,
    echoed,
    during,
    shown: shown.stdout,
    echoedWhileDraining,
    drainedStatus,
    after,
  };
}

/** What was left has another weight; and a drain that a second SIGTERM ends. */
async function runLeftovers(director: Director, keep: string) {
  await director.start(keep);
  await weightsAre(UP);
  await director.stop();
  await ipvsadm('-e', '-t', `${VIP}:${PORT}`, '-r', `${SERVERS[0]}:${PORT}`, '-m', '-w', '9');
  await ipvsadm('-e', '-t', `${VIP}:${PORT}`, '-r', `${SERVERS[1]}:${PORT}`, '-m', '-w', '0');
  const left = await weights();
  await director.start(keep.replace('policy keep', 'policy drain'));
  await weightsAre(UP);
  const client = await connectTo(VIP);
  const stopped = director.stop();
  await until('it drains', async () => (await weights()).endsWith(' 0'));
  director.signal('SIGTERM');
  const status = await stopped;
  client.destroy();
  return { left, status, after: await ipvsadm('-Sn') };
}

function echo(client: Socket): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('nothing'), 5_000);
    client.once('data', (bytes) => {
      clearTimeout(timer);
      resolve(String(bytes));
    });
    client.write('still there');
  });
}

const report = await main().catch(async (error) => {
  const table = (await run('ipvsadm', '-Ln')).stdout;
  process.stderr.write(`${error.stack}\n${lines(SAID).join('\n')}\n${table}\n`);
  process.exit(1);
});
process.stdout.write(JSON.stringify(report));
process.exit(0);
