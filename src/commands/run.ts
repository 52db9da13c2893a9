import { resolve } from 'node:path';
import { ExitCode, UserError } from '../errors.ts';
import type { ReceiverCounts } from '../receive/intake.ts';
import { findTraces, traceTotals } from '../store/find-traces.ts';
import type { Store } from '../store/store.ts';
import { type Ended, onSignals, runChild } from '../terminal/child.ts';
import { formatCount, formatDuration, plural } from '../terminal/format.ts';
import { tell } from '../terminal/message.ts';
import type { Command, CommandContext, Option, PreparedCommand, Verdict } from './command.ts';
import { dataOfOpen, openForWriting } from './data.ts';
import { DB, DEBUG, duration, MEMORY, OUTPUT, OUTPUT_OPTIONS, QUIET } from './options.ts';
import { type SearchQuery, searchQueryOf } from './query.ts';
import { reasonOf } from './reason.ts';
import { type Receiving, startReceiving } from './receiving.ts';
import { hasTrace, nextSpanNo, type Received, receivedFrom, storedFrom, untilComplete } from './run/completeness.ts';
import { childEnvironment, otherDestination, serviceNameIn } from './run/environment.ts';
import { instrumentation } from './run/instrument.ts';
import { whyNothing } from './run/nothing-received.ts';
import { serviceNameOf } from './run/program.ts';
import { newSpanContext, parseTraceparent, rootSpanRequest, type SpanContext, traceparentOf } from './run/root-span.ts';
import { select } from './selection.ts';
import { shellWord, splitWords } from './shell.ts';
import { shortTraceIds } from './short-ids.ts';

const KEEP: Option<string> = {
  ...DB,
  description: 'database that keeps what is received; without it the traces are gone with the answer',
};
const THEN: Option<readonly string[]> = {
  flags: '--then <command>',
  description: "what to ask when it has ended, in place of summary: 'errors', 'show ID --ascii'; may be repeated",
  group: 'Output',
  parse: (text, previous) => [...(previous ?? []), text],
};
const FAIL_ON: Option<readonly string[]> = {
  flags: '--fail-on <query>',
  description: 'exit with 1 if a trace of the run matches this query; may be repeated',
  group: 'Output',
  parse: (text, previous) => [...(previous ?? []), text],
};
const WAIT: Option<bigint> = {
  flags: '--wait <duration>',
  description: 'wait at most so long for incomplete traces when the command has ended (default: 10s)',
  group: 'Input',
  parse: duration('--wait'),
};
const INSTRUMENT: Option<boolean> = {
  flags: '--instrument',
  description:
    "load OpenTelemetry's instrumentations into Node.js programs (@opentelemetry/auto-instrumentations-node)",
  group: 'Input',
};

const DEFAULT_WAIT_NANO = 10_000_000_000n;
/** The longest time that a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;
/** Traces that are named where a check fails. */
const EXAMPLES = 3;

/** What shells say of a program that is not there, or that they may not start. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

export const command: Command = {
  usage: '-- command [arguments...]',
  takesCommandLine: true,
  description:
    'Runs a command, receives the traces that it and all it starts send meanwhile, and says what they are. OTEL_* variables lead them to free ports of this machine, and a TRACEPARENT makes one trace of them with the command as its root. The command keeps its terminal, its signals and its exit code. When it has ended, tailspan waits until the traces are complete, not for a fixed time.',
  examples: [
    ['tailspan run -- npm test', 'what the tests did, and how long it took'],
    ["tailspan run --then errors --fail-on '{ status = error }' -- ./smoke.sh", 'in CI: fail where a span did'],
    ['tailspan run --instrument --db run.duckdb -- node app.js', 'a program without tracing; keep the traces'],
    ['tailspan run --json -o summary.json -- make check', "the answer apart from the command's own output"],
  ],
  exitCodes:
    'that of the command (128 and the number of the signal that ended it; 127 it is not there, 126 it cannot be run). Where that is 0: 1 --fail-on matched, 2 the traces could not be received or the answer not be given.',
  options: [KEEP, WAIT, INSTRUMENT, MEMORY, QUIET, DEBUG, THEN, FAIL_ON, ...OUTPUT_OPTIONS],

  async run(context) {
    const words = commandLineOf(context);
    const closing = await closingCommands(context);
    const checks = await checksOf(context);
    const more = context.get(INSTRUMENT) === true ? instrumentation(words, context.env) : {};
    const store = await openForWriting(context, context.get(KEEP) ?? ':memory:');
    try {
      const run = await begin(context, store, words);
      await using _ = { [Symbol.asyncDispose]: () => run.receiving.close() };
      let ended: Ended;
      try {
        ended = await start(run, more);
      } catch (error) {
        await abort(run);
        return await notStarted(context, words, error);
      }
      try {
        const exitCode = await close(run, ended, closing, checks);
        return { exitCode: ended.exitCode || exitCode };
      } catch (error) {
        await abort(run);
        // The failure of the command wins over ours, which is told all the same.
        if (ended.exitCode === 0) throw error;
        await tell(context.screen, 'error', reasonOf(error));
        if (error instanceof UserError && error.hint !== undefined) await tell(context.screen, 'hint', error.hint);
        return { exitCode: ended.exitCode };
      }
    } finally {
      store.close();
    }
  },
};

/** The words behind `--`. Throws `UserError` where there is no command. */
function commandLineOf({ args, commandLine }: CommandContext): readonly string[] {
  const [stray] = args;
  if (stray !== undefined) {
    throw new UserError(`'${stray}' stands in front of --`, {
      hint: `what is run stands behind it: tailspan run -- ${(commandLine ?? args).map(shellWord).join(' ')}`,
    });
  }
  if (commandLine === undefined || commandLine.length === 0) {
    throw new UserError('run needs a command', { hint: 'tailspan run -- npm test' });
  }
  return commandLine;
}

/** What is asked at the end, as far as it is known before: undefined for a summary of the run. Throws `UserError` where it is wrong. */
async function closingCommands(context: CommandContext): Promise<PreparedCommand[] | undefined> {
  const lines = context.get(THEN);
  if (lines === undefined) return undefined;
  if (lines.length > 1 && context.get(OUTPUT) !== undefined) {
    throw new UserError('--output takes one answer, and --then asks for several', {
      hint: "give each its own: --then 'errors -o errors.txt'",
    });
  }
  const commands: PreparedCommand[] = [];
  for (const line of lines) {
    const words = splitWords(line, '--then');
    commands.push(await context.prepare(words[0] === 'tailspan' ? words.slice(1) : words));
  }
  return commands;
}

/** A query that no trace may match. */
interface Check {
  readonly text: string;
  readonly query: SearchQuery;
}

async function checksOf(context: CommandContext): Promise<Check[]> {
  const checks: Check[] = [];
  for (const text of context.get(FAIL_ON) ?? []) checks.push({ text, query: await searchQueryOf(context, text) });
  return checks;
}

/** A run: what receives, and what the program is told that it is. */
interface Run {
  readonly context: CommandContext;
  readonly store: Store;
  readonly receiving: Receiving;
  readonly words: readonly string[];
  readonly serviceName: string;
  /** The span that the run itself is. */
  readonly root: SpanContext;
  /** What is stored from this number on came in this run. */
  readonly firstSpanNo: number;
  /** Rises with all that comes. */
  readonly arrivals: () => number;
}

async function begin(context: CommandContext, store: Store, words: readonly string[]): Promise<Run> {
  const firstSpanNo = await nextSpanNo(store.database);
  let batches = 0;
  const receiving = await startReceiving(
    // Nothing is said before the command has ended: the terminal is its own.
    { ...context, say: async () => {} },
    store,
    { onBatch: () => void batches++ },
    { ports: 'ephemeral' },
  );
  return {
    context,
    store,
    receiving,
    words,
    serviceName: serviceNameIn(context.env) ?? serviceNameOf(words, resolve('.')),
    root: newSpanContext(),
    firstSpanNo,
    arrivals: () => batches,
  };
}

/** Runs the command to its end, with `more` in its environment. Rejects with the error of the system where it cannot be started. */
async function start(
  { context, receiving, words, serviceName, root }: Run,
  more: Readonly<Record<string, string>>,
): Promise<Ended> {
  const { env } = context;
  const other = otherDestination(env);
  if (other !== undefined) {
    await context.say(`traces come here for once, and not to ${other.endpoint} (${other.variable})`);
  }
  const [program = '', ...args] = words;
  return runChild(program, args, {
    ...childEnvironment(env, {
      endpoints: { http: endpointOf(receiving, 'otlp-http'), grpc: endpointOf(receiving, 'otlp-grpc') },
      serviceName,
      traceparent: traceparentOf(root),
    }),
    ...more,
  });
}

function endpointOf({ receivers }: Receiving, receiver: string): string {
  const found = receivers.find(({ name }) => name === receiver);
  if (found === undefined) throw new Error(`${receiver} does not listen`);
  return found.endpoint;
}

async function abort({ receiving }: Run): Promise<void> {
  // What went wrong first is what is told.
  await receiving.abort().catch(() => {});
}

/** Says why the command could not be started, and returns what a shell would. */
async function notStarted(
  { screen }: CommandContext,
  [program = '', ...args]: readonly string[],
  error: unknown,
): Promise<Verdict> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const isMissing = code === 'ENOENT';
  await tell(screen, 'error', `${program} cannot be run: ${isMissing ? 'there is no such program' : reasonOf(error)}`);
  const isLine = args.length === 0 && /\s/.test(program);
  const hint = isLine
    ? `a line for a shell is given to one: tailspan run -- sh -c ${shellWord(program)}`
    : isMissing
      ? 'it has to be in PATH, or be named with its folder: ./program'
      : 'see whether the file is a program, and may be executed (chmod +x)';
  await tell(screen, 'hint', hint);
  return { exitCode: isMissing ? NOT_FOUND : NOT_EXECUTABLE };
}

/** Waits for what is still to come, answers from it and checks it. Returns the exit code for a command that succeeded. */
async function close(
  run: Run,
  ended: Ended,
  closing: readonly PreparedCommand[] | undefined,
  checks: readonly Check[],
): Promise<number> {
  const { context, store, firstSpanNo } = run;
  const longest = context.get(WAIT) ?? DEFAULT_WAIT_NANO;
  const isLate = await receiveRest(run, ended, longest);
  const { counts } = await run.receiving.stop();
  const received = await receivedFrom(store.database, firstSpanNo);
  if (received.traces === 0) {
    await tellNothing(run, ended, counts.values());
    if (checks.length === 0) return ExitCode.ok;
    await tell(context.screen, 'error', 'no traces came, so that there is nothing to --fail-on');
    await tell(context.screen, 'hint', 'without it the exit code is that of the command alone');
    return ExitCode.trouble;
  }
  if (isLate && received.open > 0) await tellIncomplete(context, received, longest);
  const data = await dataOfOpen(store);
  let exitCode: number = ExitCode.ok;
  for (const command of closing ?? [await summaryOf(run, ended)]) {
    exitCode = Math.max(exitCode, await command.answer(data));
  }
  for (const check of checks) {
    if (await fails(run, check)) exitCode = Math.max(exitCode, ExitCode.no);
  }
  return exitCode;
}

/** The summary: of what came now, where the database has more. */
function summaryOf({ context, firstSpanNo }: Run, { startTimeUnixNano }: Ended): Promise<PreparedCommand> {
  const since = firstSpanNo === 1 ? [] : ['--since', String(startTimeUnixNano)];
  return context.prepare(['summary', ...since]);
}

/** Receives until the traces are complete, or a signal ends the wait. True where the time was up before. */
async function receiveRest(run: Run, ended: Ended, longest: bigint): Promise<boolean> {
  const { context, store, receiving, arrivals, root, firstSpanNo } = run;
  let isRootSent = false;
  const isComplete = async (): Promise<boolean> => {
    await receiving.commit();
    // A program that does not look at TRACEPARENT makes traces of its own; beside these a trace of the run alone would say nothing.
    if (!isRootSent && (await hasTrace(store.database, root.traceId))) {
      await sendRoot(run, ended);
      isRootSent = true;
      await receiving.commit();
    }
    return (await receivedFrom(store.database, firstSpanNo)).open === 0;
  };
  const impatience = new AbortController();
  using _ = onSignals(() => impatience.abort());
  // What failed, or has failed while the command ran, is told by the next commit.
  receiving.failed.catch(() => impatience.abort());
  const time = AbortSignal.timeout(Math.min(LONGEST_MS, Number(longest / 1_000_000n)));
  const ending = AbortSignal.any([time, impatience.signal, context.signal]);
  return !(await untilComplete(arrivals, isComplete, ending)) && time.aborted;
}

/** Sends the span of the run the way that all others came. */
async function sendRoot({ context, receiving, words, serviceName, root }: Run, ended: Ended): Promise<void> {
  const response = await fetch(`${endpointOf(receiving, 'otlp-http')}/v1/traces`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: rootSpanRequest({
      context: root,
      words,
      serviceName,
      ended,
      outer: parseTraceparent(context.env.TRACEPARENT),
    }),
  });
  if (!response.ok) throw new Error(`the span of the run was answered with ${response.status}`);
}

async function tellNothing(
  { context, words }: Run,
  { signal }: Ended,
  counts: Iterable<ReceiverCounts>,
): Promise<void> {
  if (context.get(QUIET) === true) return;
  await context.say(`no traces came from ${words.map(shellWord).join(' ')}`);
  // Of a program that was broken off nothing is strange.
  if (signal !== undefined) return;
  const isInstrumented = context.get(INSTRUMENT) === true;
  for (const reason of whyNothing({ words, env: context.env, isInstrumented, counts })) {
    await tell(context.screen, 'hint', reason);
  }
}

async function tellIncomplete(context: CommandContext, { traces, open }: Received, longest: bigint): Promise<void> {
  if (context.get(QUIET) === true) return;
  const { screen } = context;
  const waited = formatDuration(longest, screen.unicode);
  await context.say(`${formatCount(open)} of ${plural(traces, 'trace')} still incomplete after ${waited}`);
  await tell(
    screen,
    'hint',
    'programs that end without a flush lose spans; --wait 30s gives those that live on more time',
  );
}

/** Says whether a trace of the run matches what none may, and which. */
async function fails({ context, store, firstSpanNo }: Run, { text, query }: Check): Promise<boolean> {
  const { database } = store;
  const selection = await select(database, query);
  const where = `${storedFrom(firstSpanNo)} AND ${selection.traces('t')}`;
  const examples = await findTraces(database, { where, order: 'start', ascending: true, limit: EXAMPLES });
  if (examples.length === 0) return false;
  const { traces } = await traceTotals(database, where);
  const ids = shortTraceIds(examples.map(({ traceId }) => traceId));
  const more = traces > ids.length ? `, and ${formatCount(traces - ids.length)} more` : '';
  await tell(
    context.screen,
    'error',
    `--fail-on ${shellWord(text)}: ${plural(traces, 'trace')} ${traces === 1 ? 'matches' : 'match'}: ${ids.join(', ')}${more}`,
  );
  const { path } = database;
  await tell(
    context.screen,
    'hint',
    path === ':memory:'
      ? `--then ${shellWord(`search ${shellWord(text)}`)} lists them; --db FILE keeps them for tailspan show`
      : `tailspan show ${ids[0]} --db ${shellWord(path)}`,
  );
  return true;
}
