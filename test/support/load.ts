import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import type { SourceAccount } from '../../src/ingest/account.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../src/ingest/compression.ts';
import { type DecodeOptions, SourceDecoder } from '../../src/ingest/decoding.ts';
import type { Span } from '../../src/model/span.ts';
import type { LoadResult } from '../../src/store/loader.ts';
import { readSpans } from '../../src/store/read-trace.ts';
import { Store } from '../../src/store/store.ts';
import { otlpJson } from './otlp-json.ts';
import { TEST_NOW } from './run.ts';

// Bytes into a store, as the program does it but without files, and spans out of it again.

export interface LoadedDump {
  readonly account: SourceAccount;
  readonly result: LoadResult;
}

export interface DumpOptions {
  readonly name?: string;
  /** Bytes a chunk; all in one where it is not given. */
  readonly chunk?: number;
  /** Uses the fast lane, as large sources do. Needs `npm run build`. */
  readonly lane?: boolean;
  readonly limits?: Partial<DecodeOptions['limits']>;
  readonly compression?: Partial<DecodeOptions['compression']>;
  readonly columnMap?: DecodeOptions['columnMap'];
}

/** Opens a store that the test closes when it ends: in memory, or in a file. */
export async function openStore(path = ':memory:'): Promise<Store> {
  const store = await Store.open({ path, now: () => TEST_NOW });
  onTestFinished(() => store.close());
  await store.ensureViews();
  return store;
}

/** Loads one dump into a store. */
export async function loadDump(
  store: Store,
  bytes: Uint8Array | string,
  options: DumpOptions = {},
): Promise<LoadedDump> {
  const content = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  const loader = await store.loader();
  const decoder = new SourceDecoder(
    {
      producer: loader.newProducer(),
      firstValueId: loader.nextAttributeId,
      onBatch: batch => loader.add(batch),
    },
    {
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      compression: { ...DEFAULT_COMPRESSION_LIMITS, ...options.compression },
      lane: options.lane ?? false,
    },
  );
  await loader.begin();
  const source = { name: options.name ?? 'dump', path: undefined, bytes: content.length };
  const account = await decoder.decode(source, undefined, chunked(content, options.chunk ?? content.length));
  decoder.writer.flush();
  return { account, result: await loader.finish(account) };
}

/**
 * Yields bytes in chunks of a size. As `chunksOf` may, it overwrites a chunk when the next but one is asked for: who
 * keeps one longer than that reads rubbish.
 */
export async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  let before: Uint8Array | undefined;
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = Uint8Array.prototype.slice.call(bytes, at, at + size);
    yield chunk;
    before?.fill(0xee);
    before = chunk;
  }
}

/** Loads spans into a store of their own, in memory. */
export async function storeOf(...dumps: readonly (readonly Span[])[]): Promise<Store> {
  const store = await openStore();
  for (const spans of dumps) await loadDump(store, otlpJson(spans));
  return store;
}

/** Returns the account of a dump and its spans, in order of trace id and place in the trace. */
export async function readDump(
  bytes: Uint8Array | string,
  options: DumpOptions = {},
): Promise<LoadedDump & { readonly spans: readonly Span[] }> {
  const store = await Store.open({ path: ':memory:', now: () => TEST_NOW });
  try {
    const loaded = await loadDump(store, bytes, options);
    return { ...loaded, spans: await readSpans(store.database, 'TRUE', 's.trace_id, s.span_no') };
  } finally {
    store.close();
  }
}

/** A folder for the running test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tailspan-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes spans as OTLP JSON into a file of the running test; returns its path. */
export function dumpFile(...traces: readonly (readonly Span[])[]): string {
  const file = join(temporaryFolder(), 'traces.jsonl');
  writeFileSync(file, traces.map(otlpJson).join(''));
  return file;
}
