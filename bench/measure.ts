// Measures commands as whole processes, from their start to their exit. Commands that are compared take turns, because a
// machine drifts from minute to minute: only neighbours are comparable, so ratios are taken pair by pair.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Command {
  readonly name: string;
  readonly argv: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called before every run, warm-ups too; not measured. */
  readonly prepare?: () => void;
  /** Called after every run that counts; not measured. */
  readonly finish?: () => void;
}

/** What one run took. What the platform does not tell is undefined. */
export interface Sample {
  readonly wallMs: number;
  /** User and system time together, in the kernel's ticks of 10 ms. */
  readonly cpuMs: number | undefined;
  /** The most memory that was resident; a peak in the last milliseconds before the exit may be missed. */
  readonly peakRssBytes: number | undefined;
}

export interface Measured {
  readonly name: string;
  /** In the order of the rounds: samples of one index were taken next to each other. */
  readonly samples: readonly Sample[];
}

export interface MeasureOptions {
  readonly runs: number;
  readonly warmups?: number;
}

const RSS_POLL_MS = 5;
const LINUX_TICK_MS = 10;
const STDERR_SHOWN = 2000;

/** Runs every command once a round; every other round goes backwards. Throws when a command fails. */
export async function measure(commands: readonly Command[], options: MeasureOptions): Promise<Measured[]> {
  for (let round = 0; round < (options.warmups ?? 1); round++) {
    for (const command of commands) await run(command);
  }
  const samples = commands.map((): Sample[] => []);
  for (let round = 0; round < options.runs; round++) {
    const order = [...commands.keys()];
    if (round % 2 === 1) order.reverse();
    for (const index of order) {
      const command = commands[index]!;
      samples[index]!.push(await run(command));
      command.finish?.();
    }
  }
  return commands.map(({ name }, index) => ({ name, samples: samples[index]! }));
}

async function run(command: Command): Promise<Sample> {
  command.prepare?.();
  const [file, ...args] = command.argv;
  if (file === undefined) throw new Error(`${command.name}: the command is empty`);
  const cpuBefore = childrenCpuMs();
  const start = process.hrtime.bigint();
  const child = spawn(file, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...command.env },
  });
  let peakRssBytes = child.pid === undefined ? undefined : readPeakRss(child.pid);
  const poll = setInterval(() => {
    // Once the process has ended its status has no such line any more, and the last reading stays.
    if (child.pid !== undefined) peakRssBytes = readPeakRss(child.pid) ?? peakRssBytes;
  }, RSS_POLL_MS);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_SHOWN);
  });
  try {
    const exit = Promise.withResolvers<string | number>();
    let wallMs = 0;
    child.once('error', exit.reject);
    child.once('exit', () => {
      wallMs = Number(process.hrtime.bigint() - start) / 1e6;
    });
    child.once('close', (code, signal) => exit.resolve(code ?? signal ?? 'unknown'));
    const outcome = await exit.promise;
    if (outcome !== 0) throw new Error(`${command.name} ended with ${outcome}: ${command.argv.join(' ')}\n${stderr}`);
    const cpuAfter = childrenCpuMs();
    const cpuMs = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
    return { wallMs, cpuMs, peakRssBytes };
  } finally {
    clearInterval(poll);
  }
}

/** Returns the peak of the resident set of a running process. */
function readPeakRss(pid: number): number | undefined {
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readProc(`/proc/${pid}/status`))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** Returns the CPU time of all children that have ended. One runs at a time, so the difference is that of the one. */
function childrenCpuMs(): number | undefined {
  // Fields are counted from behind the name, which may hold blanks and parentheses; cutime and cstime are 16 and 17.
  const fields = readProc('/proc/self/stat').split(') ').at(-1)!.split(' ');
  const ticks = Number(fields[13]) + Number(fields[14]);
  return Number.isNaN(ticks) ? undefined : ticks * LINUX_TICK_MS;
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** The least, the middle and the greatest of some numbers. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Returns the spread of numbers, at least one. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error('nothing was measured: --runs must be at least 1');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { min: sorted[0]!, median, max: sorted.at(-1)! };
}

/** Returns the spread of the wall times. */
export function wallSpread({ samples }: Measured): Spread {
  return spreadOf(samples.map(sample => sample.wallMs));
}

/** Returns the spread of `numerator`'s wall time over `denominator`'s, each pair having run side by side. */
export function pairedRatio(numerator: Measured, denominator: Measured): Spread {
  return spreadOf(numerator.samples.map((sample, round) => sample.wallMs / denominator.samples[round]!.wallMs));
}

/** Returns the median CPU time in milliseconds, undefined where it is not known. */
export function medianCpuMs({ samples }: Measured): number | undefined {
  const known = samples.map(sample => sample.cpuMs).filter(value => value !== undefined);
  return known.length === 0 ? undefined : spreadOf(known).median;
}

/** Returns the highest peak of any run in bytes, undefined where it is not known. */
export function highestRss({ samples }: Measured): number | undefined {
  const known = samples.map(sample => sample.peakRssBytes).filter(value => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
