import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { defaultDatabase, journalFolder } from '../config/paths.ts';
import { programVersion } from '../config/version.ts';
import { ToldError, UserError } from '../errors.ts';
import { DEFAULT_LIMITS } from '../formats/format.ts';
import { lostRecords, type SourceAccount } from '../ingest/account.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../ingest/compression.ts';
import { DeferredTarget } from '../ingest/deferred-target.ts';
import { describeAccount } from '../ingest/describe-account.ts';
import { ingest } from '../ingest/ingest.ts';
import { findSources, shownName } from '../ingest/source.ts';
import { FIRST_ATTRIBUTE_ID } from '../store/attribute-tables.ts';
import type { LoadResult } from '../store/loader.ts';
import type { Queryable } from '../store/queryable.ts';
import type { Store } from '../store/store.ts';
import { plural } from '../terminal/format.ts';
import { createProgress } from '../terminal/progress.ts';
import type { CachePlace } from './cached-data.ts';
import type { CommandContext } from './command.ts';
import { DB, MAP, MAX_COMPRESSION_RATIO, MAX_RECORD_SIZE, MEMORY, NO_PROGRESS, QUIET, STRICT } from './options.ts';
import { reasonOf } from './reason.ts';

// The data that a command answers from: sources loaded into memory or into a named database, or a database as it is.

export interface Data extends AsyncDisposable {
  readonly database: Queryable;
  /** The sources that were loaded, in order; empty where a database was opened as it is. */
  readonly loaded: readonly { readonly account: SourceAccount; readonly result: LoadResult }[];
  /** Traces that the loaded sources belong to. */
  readonly traceCount: number;
  /** Makes the public views where there are none: a file has them since it was made. */
  ensureViews(): Promise<void>;
}

export interface DataOptions {
  /** The sources are to stay: they go into the named database, or into the default one. */
  readonly isWriting?: boolean;
  /** What was read may be changed by the command, so it must not be shared with later ones. */
  readonly mayChange?: boolean;
  /** The question is about a database as such, so that what is piped in is not read. */
  readonly isDatabase?: boolean;
}

/**
 * Opens the data. No source: what is piped in, unless a database is named; else the default database. What cannot be read is said on
 * the way. Close it with `await using`.
 */
export async function openData(
  context: CommandContext,
  names: readonly string[],
  { isWriting = false, mayChange = false, isDatabase = false }: DataOptions = {},
): Promise<Data> {
  if (context.data !== undefined) return givenData(context.data, names, isWriting || mayChange);
  const named = context.get(DB);
  const isPiped =
    !isDatabase && names.length === 0 && named === undefined && context.hasPipedInput && !context.env.TAILSPAN_DB;
  const sourceNames = isPiped ? ['-'] : names;
  const memoryLimit = context.get(MEMORY);
  const options = { now: () => context.screen.now(), ...(memoryLimit === undefined ? {} : { memoryLimit }) };
  if (sourceNames.length === 0) {
    const path = named ?? (await defaultDatabase(context.env));
    refuseOtherFiles(path);
    if (!isWriting) return openToRead(context, path, options);
    const store = await openToWrite(context, { path, ...options });
    await store.database.setThreads(THREADS);
    return dataOf(store, [], 0);
  }
  const path = named ?? (isWriting ? await defaultDatabase(context.env) : ':memory:');
  refuseOtherFiles(path);
  if (named === undefined && path !== ':memory:') makeFolder(dirname(path));
  const { sources, problems } = await findSources(sourceNames);
  for (const { name, message, hint = SOURCES_HINT } of problems) await context.complain(`${name} ${message}`, hint);
  if (sources.length === 0) throw new ToldError();
  const finish = async (
    store: Store,
    { loaded, firstSpanNo }: Loading,
    verb: string,
    place?: CachePlace,
  ): Promise<Data> => {
    const spans = loaded.reduce((sum, { result }) => sum + result.spans, 0);
    if (spans >= THREADED_SPANS) await store.database.setThreads(THREADS);
    const traceCount = await countTraces(store, loaded, firstSpanNo);
    await tellFaults(context, loaded);
    await context.say(describeAccount(verb, loaded, traceCount));
    await tellOddTimes(context, store, loaded);
    return dataOf(store, loaded, traceCount, place);
  };
  const isForMemory = path === ':memory:' && !mayChange;
  const place = isForMemory ? await (await import('./cached-data.ts')).CachePlace.of(context, sources) : undefined;
  const kept = await place?.open(options);
  if (kept !== undefined) {
    context.onFailure(error => place?.forgetDamaged(error) ?? false);
    return await finish(kept.store, { loaded: kept.loaded, firstSpanNo: 0 }, 'kept from before:');
  }
  const readInto = async (target: string, placeToKeep?: CachePlace): Promise<Data> => {
    // Of a new database it is known where ids begin, so that decoding need not wait until it is open.
    const isNew = target === ':memory:' || !existsSync(target);
    // A turn later: loading DuckDB keeps this thread busy, and the decode thread is to be on its way before.
    const opening = nextTurn().then(() => openToWrite(context, { path: target, ...options }));
    // It is awaited below; should it fail before, that is no unhandled rejection.
    opening.catch(() => {});
    try {
      const loading = await load(context, opening, sources, isNew);
      return await finish(await opening, loading, isWriting ? 'loaded' : 'read', placeToKeep);
    } catch (error) {
      (await opening.catch(() => undefined))?.close();
      placeToKeep?.drop(target);
      throw error;
    }
  };
  const partial = place?.begin();
  if (place === undefined || partial === undefined) return readInto(path);
  try {
    return await readInto(partial, place);
  } catch (error) {
    // A full disk is no reason not to answer.
    if (error instanceof UserError || error instanceof ToldError || context.signal.aborted) throw error;
    return readInto(path);
  }
}

/** Data of a store that is open and stays so. */
export async function dataOfOpen(store: Store): Promise<Data> {
  await store.database.setThreads(THREADS);
  return { ...dataOf(store, [], 0), async [Symbol.asyncDispose]() {} };
}

/** The data that another command has open. Throws `UserError` where the command names other data, or would change it. */
function givenData(data: () => Data, names: readonly string[], isChanging: boolean): Data {
  const [name] = names;
  if (name !== undefined) {
    throw new UserError(`${name} is a source, but the question is asked of what is open`, { hint: 'leave it out' });
  }
  if (isChanging) {
    throw new UserError('what is open can only be asked, not changed', { hint: 'leave out --write' });
  }
  return data();
}

/** Opens the named database, or the default one, to store in it what comes from elsewhere than sources. Close the store. */
export async function openForWriting(context: CommandContext, named = context.get(DB)): Promise<Store> {
  const path = named ?? (await defaultDatabase(context.env));
  refuseOtherFiles(path);
  if (named === undefined && path !== ':memory:') makeFolder(dirname(path));
  const memoryLimit = context.get(MEMORY);
  return openToWrite(context, {
    path,
    now: () => context.screen.now(),
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
  });
}

type StoreOptions = Parameters<typeof Store.open>[0];

// What knows DuckDB is loaded here, so that help does not wait for it.

/** Opens a database to answer from it: the file, or what the process that has it serves. */
async function openToRead(
  context: CommandContext,
  path: string,
  options: Omit<StoreOptions, 'path' | 'readOnly'>,
): Promise<Data> {
  const { Store } = await import('../store/store.ts');
  const { DatabaseInUse } = await import('../store/database.ts');
  if (hasJournal(path)) {
    // Of a listener that was broken off, unless the database has an owner.
    try {
      (await openToWrite(context, { path, ...options })).close();
    } catch (error) {
      const isOwned =
        error instanceof DatabaseInUse || (error instanceof Error && error.cause instanceof DatabaseInUse);
      if (!isOwned) {
        await context.complain(
          `${journalFolder(path)} holds spans that cannot be stored: ${reasonOf(error)}`,
          FAULT_HINT,
        );
      }
    }
  }
  for (let attempt = 0; ; attempt++) {
    try {
      const store = await Store.open({ path, readOnly: true, ...options });
      await store.database.setThreads(THREADS);
      return dataOf(store, [], 0);
    } catch (error) {
      if (!(error instanceof DatabaseInUse)) throw error;
      const { openServed } = await import('../store/served/client.ts');
      const database = await openServed(path, programVersion());
      if (database !== undefined) return dataOfServed(database);
      const pauseMs = PAUSES_MS[attempt];
      if (pauseMs === undefined) throw error;
      await new Promise(resolve => setTimeout(resolve, pauseMs));
    }
  }
}

/** Opens a database to change it. What a listener that was broken off left in its journal is stored first. */
async function openToWrite(context: CommandContext, options: StoreOptions): Promise<Store> {
  const { Store } = await import('../store/store.ts');
  try {
    const store = await Store.open(options);
    if (hasJournal(options.path)) await recover(context, store);
    return store;
  } catch (error) {
    const { DatabaseInUse } = await import('../store/database.ts');
    if (!(error instanceof DatabaseInUse)) throw error;
    const { isServed } = await import('../store/served/client.ts');
    if (!(await isServed(options.path))) throw error;
    throw new UserError(error.message, {
      hint: 'it receives spans: commands that only read work meanwhile; stop it first, or name another database with --db',
      cause: error,
    });
  }
}

/** Stores what is in a journal. Closes the store where that fails: the journal is not to be lost sight of. */
async function recover(context: CommandContext, store: Store): Promise<void> {
  try {
    const { recoverJournal } = await import('../receive/recovery.ts');
    const result = await recoverJournal(await store.loader(), journalFolder(store.database.path));
    if (result === undefined || result.spans === 0) return;
    await context.say(`stored ${plural(result.spans, 'span')} of a listener that was broken off`);
  } catch (error) {
    store.close();
    throw error;
  }
}

function hasJournal(path: string): boolean {
  return path !== ':memory:' && existsSync(journalFolder(path));
}

/** A process that has a database may be just beginning to serve it, or ending. */
const PAUSES_MS = [50, 150, 300, 500];

/** Returns the path of the database that is named, or of the default one. Throws `UserError` where there is none. */
export async function databasePath(context: CommandContext): Promise<string> {
  const path = context.get(DB) ?? (await defaultDatabase(context.env));
  if (existsSync(path)) return path;
  throw new UserError(`there is no database at ${path}`, { hint: 'name one with --db FILE' });
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new UserError(`the folder ${folder} of the database cannot be made: ${reasonOf(error)}`, {
      hint: 'name another database with --db',
      cause: error,
    });
  }
}

/**
 * Throws for a file that is no database of DuckDB: by its name DuckDB may take one for a table of another format, and keep
 * what is loaded in memory only.
 */
function refuseOtherFiles(path: string): void {
  if (path === ':memory:' || !existsSync(path) || !statSync(path).isFile()) return;
  let head: Buffer;
  try {
    const file = openSync(path, 'r');
    head = Buffer.alloc(DATABASE_MAGIC.offset + DATABASE_MAGIC.text.length);
    readSync(file, head);
    closeSync(file);
  } catch {
    // What cannot be read is explained by who opens it as a database.
    return;
  }
  if (head.toString('latin1', DATABASE_MAGIC.offset) === DATABASE_MAGIC.text) return;
  throw new UserError(`${path} is not a database`, {
    hint: 'to read it as a trace dump, give it as a source, without --db',
  });
}

const DATABASE_MAGIC = { offset: 8, text: 'DUCK' };

const SOURCES_HINT = 'name files, folders with files in them, patterns, or - for stdin';
const FAULT_HINT = 'the answer is from what could be read';

/** Queries use both cores of a small machine and leave the rest of a large one alone. */
const THREADS = 4;
/** Fewer spans are answered for by one thread before others have started. */
const THREADED_SPANS = 50_000;

function dataOf(store: Store, loaded: Data['loaded'], traceCount: number, place?: CachePlace): Data {
  return {
    database: store.database,
    loaded,
    traceCount,
    async ensureViews() {
      if (store.database.path === ':memory:') await store.ensureViews();
    },
    async [Symbol.asyncDispose]() {
      // A database in memory goes with the process; taking it apart before would only take time.
      if (place !== undefined) await place.keep(store, loaded);
      else if (store.database.path !== ':memory:') store.close();
    },
  };
}

function dataOfServed(database: Queryable): Data {
  return {
    database,
    loaded: [],
    traceCount: 0,
    async ensureViews() {},
    async [Symbol.asyncDispose]() {
      database.close();
    },
  };
}

interface Loading {
  readonly loaded: Data['loaded'];
  /** What was loaded has span numbers from here on. */
  readonly firstSpanNo: number;
}

async function load(
  context: CommandContext,
  opening: Promise<Store>,
  sources: Awaited<ReturnType<typeof findSources>>['sources'],
  isNew: boolean,
): Promise<Loading> {
  const progress = createProgress(context.screen, context.get(NO_PROGRESS) !== true && context.get(QUIET) !== true);
  const options = {
    limits: { recordBytes: context.get(MAX_RECORD_SIZE) ?? DEFAULT_LIMITS.recordBytes },
    columnMap: context.get(MAP),
    compression: {
      ...DEFAULT_COMPRESSION_LIMITS,
      ratio: context.get(MAX_COMPRESSION_RATIO) ?? DEFAULT_COMPRESSION_LIMITS.ratio,
    },
  };
  const loading = opening.then(store => store.loader());
  loading.catch(() => {});
  const target = isNew ? new DeferredTarget(loading, FIRST_ATTRIBUTE_ID) : await loading;
  const firstSpanNo = isNew ? 0 : (await loading).nextSpanNo;
  try {
    const loaded = await ingest(sources, target, options, {
      signal: context.signal,
      onProgress: ({ source, bytes, spans }) =>
        progress.update(shownName(source.name), bytes, source.bytes, plural(spans, 'span')),
    });
    await (await loading).checkpoint();
    return { loaded, firstSpanNo };
  } finally {
    progress.stop();
  }
}

/** Says which sources could not be read, or not to their end. */
async function tellFaults(context: CommandContext, loaded: Data['loaded']): Promise<void> {
  for (const { account } of loaded) {
    if (account.fault !== undefined) {
      await context.complain(`${shownName(account.source)} ${account.fault.message}`, account.fault.hint ?? FAULT_HINT);
    } else if (context.get(STRICT) === true && lostRecords(account) > 0) {
      await context.complain(
        `${shownName(account.source)}: ${plural(lostRecords(account), 'record')} could not be read (--strict)`,
        'tailspan load FILE --json says which',
      );
    }
  }
}

/** Formats whose times may count from a beginning of their own. */
const OWN_CLOCKS = /chrome-trace|csv-spans|row-|parquet/;
/** 2001 to 2050. */
const [EARLIEST_SECOND, LATEST_SECOND] = [978_307_200n, 2_524_608_000n];

/** Says where times would be of our days if they were in a coarser unit than that of their format. */
async function tellOddTimes(context: CommandContext, store: Store, loaded: Data['loaded']): Promise<void> {
  if (loaded.some(({ account }) => OWN_CLOCKS.test(account.format ?? ''))) return;
  const ranges = [1n, 1_000n, 1_000_000n].map(
    unit => `start_ns BETWEEN ${EARLIEST_SECOND * unit} AND ${LATEST_SECOND * unit}`,
  );
  const count = Number(await store.database.value(`SELECT count(*) FROM trace WHERE ${ranges.join(' OR ')}`));
  if (count === 0) return;
  const begin = `${plural(count, 'trace')} ${count === 1 ? 'begins' : 'begin'} in January 1970`;
  await context.say(`${begin}: the times are probably in another unit than that of the format`);
}

/** How many traces there are in what was loaded. Of several sources they are those that spans were added to. */
async function countTraces(store: Store, loaded: Data['loaded'], firstSpanNo: number): Promise<number> {
  const [only] = loaded;
  if (loaded.length === 1 && only !== undefined) return only.result.traces;
  // A trace may be in several of them. One that grew has new numbers.
  return Number(await store.database.value(`SELECT count(*) FROM trace WHERE first_span_no >= ${firstSpanNo}`));
}

/** Throws where there is nothing to answer from. */
export async function requireSpans(data: Data, context: CommandContext): Promise<void> {
  if (data.loaded.some(({ result }) => result.spans > 0)) return;
  const count = await data.database.value('SELECT count(*) FROM trace');
  if (count !== 0n) return;
  if (context.hasComplained) throw new ToldError();
  const [only] = data.loaded;
  const where = data.loaded.length === 1 && only !== undefined ? only.account.source : data.database.path;
  const isDatabase = data.loaded.length === 0;
  throw new UserError(
    isDatabase
      ? `the database ${where} holds no spans`
      : `there are no spans in ${where === ':memory:' ? 'these sources' : where}`,
    {
      hint: isDatabase
        ? 'load some first: tailspan load traces.json'
        : 'tailspan load FILE --json says what was found in it',
    },
  );
}
