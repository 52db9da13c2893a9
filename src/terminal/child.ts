import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';

// A program that runs in the foreground in our place: it has our terminal, and the signals that are meant for it.

/** How a program ended. */
export interface Ended {
  readonly pid: number;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
  /** As a shell tells it: 128 and the number of the signal that ended it. */
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | undefined;
}

/** The signals that end programs, and that a program may see to. */
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/** Those that a terminal sends to all processes in its foreground. */
const OF_TERMINALS: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGHUP', 'SIGQUIT']);

/** Takes the signals that would end this process, until it is disposed of. */
export function onSignals(handle: (signal: NodeJS.Signals) => void): Disposable {
  // Windows knows no SIGQUIT.
  const signals = process.platform === 'win32' ? SIGNALS.slice(0, 3) : SIGNALS;
  for (const signal of signals) process.on(signal, handle);
  return {
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, handle);
    },
  };
}

/**
 * Runs a program with our stdin, stdout and stderr until it ends. Signals are passed on to it, but those that a terminal sent, which it has
 * already; a second SIGINT or SIGTERM that is passed on kills it. Rejects with the error of the system where it cannot be started.
 */
export async function runChild(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Ended> {
  const startTimeUnixNano = nowUnixNano();
  const child = spawn(command, args, { stdio: 'inherit', env });
  let endings = 0;
  using _ = onSignals(signal => {
    if (OF_TERMINALS.has(signal) && isInForeground()) return;
    if (signal === 'SIGINT' || signal === 'SIGTERM') endings++;
    child.kill(endings > 1 ? 'SIGKILL' : signal);
  });
  const { code, signal } = await endOf(child);
  return {
    pid: child.pid ?? 0,
    startTimeUnixNano,
    endTimeUnixNano: nowUnixNano(),
    exitCode: code ?? 128 + constants.signals[signal ?? 'SIGKILL'],
    signal: signal ?? undefined,
  };
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.on('error', error => {
      // A signal that cannot be sent is no end.
      if (child.pid === undefined) reject(error);
    });
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
}

/** The time of day, to the microsecond, which `Date` does not tell. */
function nowUnixNano(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;
}

/** Says whether what a terminal sends reaches this process, and with it those that it started. */
function isInForeground(): boolean {
  try {
    // https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: behind the name, which may hold anything, come state, ppid, pgrp,
    // session, tty_nr and tpgid, the group in the foreground of the terminal.
    const fields = readFileSync('/proc/self/stat', 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return fields[2] === fields[5];
  } catch {
    // No Linux: a terminal that can be opened is at least there.
  }
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
