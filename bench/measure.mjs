/** One run of one system in one work: CPU, deliveries, latency and memory during one window. */
import { cpus } from 'node:os';
import { gatewayFigures, resetFigures, turnFigures } from './gateway-figures.mjs';
import { connectClients } from './load.mjs';
import { cpuSeconds, end, openFilesMax, residentBytes } from './processes.mjs';
import { talker } from './talker.mjs';

const SERVER_CORE = 0;
const OTHER_CORE = cpus().length > 1 ? 1 : 0;
/** Files of a process beside its connections. */
const OTHER_FILES = 200;
/** Until readers that are slow from now on are felt by the server. */
const SLOW_WARM_UP_MS = 3_000;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What connects a system and its clients, and ends both. @returns null when the system is not to be had here */
export async function openRun({ work, system, options, clients, bytesPerUpdate, profile }) {
  if (clients + OTHER_FILES > openFilesMax()) {
    console.log(
      `${clients} clients are left out: a process may open ${openFilesMax()} files here (ulimit -n)`,
    );
    return null;
  }
  const opened = await system.open({
    serverCore: SERVER_CORE,
    otherCore: OTHER_CORE,
    clients,
    work,
    options,
    bytesPerUpdate,
    profile,
  });
  if (opened === null) return null;
  const load = await connectClients(OTHER_CORE, { system, work, options, ports: opened.ports, clients });
  return { opened, load, counting: talker(load) };
}

/** CPU seconds so far: {servers, and each process beside them by name}. */
export function cpuNow({ servers, beside }) {
  const sum = servers.reduce((total, { pid }) => total + cpuSeconds(pid), 0);
  const others = Object.entries(beside).map(([name, { pid }]) => [name, cpuSeconds(pid)]);
  return { servers: sum, ...Object.fromEntries(others) };
}

export function cpuBetween(before, after, seconds) {
  return Object.fromEntries(Object.keys(after).map((name) => [name, (after[name] - before[name]) / seconds]));
}

/**
 * @param bytesPerUpdate of the service in the run before; the floor sends as many
 * @returns the figures of the run; null when the system is not to be had here
 * @throws Error when the sample of checked clients differs
 */
export async function measure({ work, system, options, clients, bytesPerUpdate, warmUpMs, windowMs }) {
  const run = await openRun({ work, system, options, clients, bytesPerUpdate });
  if (run === null) return null;
  const { opened, load, counting } = run;
  const isService = system.speaksService === true;
  await opened.go();
  await pause(warmUpMs);
  if (work.watch(0, options).bytesPerSecond > 0) {
    await counting.ask('slow');
    await pause(SLOW_WARM_UP_MS);
  }
  if (isService) await resetFigures(opened);
  const collections = opened.garbage?.map((trace) => trace.collections.length);
  const before = await counting.ask('count');
  const cpuBefore = cpuNow(opened);
  const startedAt = performance.now();
  await pause(windowMs);
  const after = await counting.ask('count');
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = cpuBetween(cpuBefore, cpuNow(opened), seconds);
  const gateway = isService ? await gatewayFigures(opened) : undefined;
  const turn = isService ? await turnFigures(opened) : undefined;
  const rss = opened.servers.reduce((sum, { pid }) => sum + residentBytes(pid), 0);
  await end(load);
  const check = await opened.check?.();
  await opened.close();
  const updatesOf = system.updatesOf ?? ((counters) => counters.updates);
  const updates = updatesOf(after, work) - updatesOf(before, work);
  if (updates === 0) throw new Error(`${system.name}: nothing was delivered`);
  const garbage = opened.garbage?.map((trace, i) => trace.since(collections[i]));
  return {
    usPerUpdate: (cpu.servers * seconds * 1e6) / updates,
    deliveredPerSecond: updates / seconds,
    perCoreSecond: updates / seconds / cpu.servers,
    bytesPerUpdate: (after.bytes - before.bytes) / updates,
    framesPerSecond: (after.frames - before.frames) / seconds,
    usPerFrame: (cpu.servers * seconds * 1e6) / (after.frames - before.frames),
    cpu,
    rss,
    latency: after.latency,
    reconnects: after.reconnects - before.reconnects,
    gateway,
    turn,
    allocated: allocatedPer(garbage, updates / seconds),
    check,
  };
}

/** @returns bytes allocated on the JS heap per delivered update and pauses, over all gateways; null when too few collections fell into the window */
function allocatedPer(garbage, updatesPerSecond) {
  if (garbage === undefined || garbage.some((one) => one === null)) return null;
  const sum = (name) => garbage.reduce((total, one) => total + one[name], 0);
  return {
    bytesPerUpdate: sum('bytesPerSecond') / updatesPerSecond,
    pausesMsPerSecond: sum('pausesMsPerSecond'),
  };
}
