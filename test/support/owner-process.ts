import { createInterface } from 'node:readline';
import { programVersion } from '../../src/config/version.ts';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../src/ingest/compression.ts';
import { SourceDecoder } from '../../src/ingest/decoding.ts';
import { type ServedLimits, serveReads } from '../../src/store/served/server.ts';
import { Store } from '../../src/store/store.ts';

// A process that has a database and serves reads, as a listener does: `node owner-process.ts DATABASE OPTIONS`, options as JSON. It reads
// orders from stdin, a line of JSON each, and answers each with a line. owner.ts starts it.

export interface OwnerOptions {
  readonly version?: string;
  readonly limits?: Partial<ServedLimits>;
}

export type Order =
  /** Loads a dump, now. */
  | { readonly load: string }
  /** Loads it when the next reader comes. */
  | { readonly pending: string }
  /** Closes orderly, and ends. */
  | { readonly close: number };

const [path = '', options = '{}'] = process.argv.slice(2);
const { version = programVersion(), limits }: OwnerOptions = JSON.parse(options);
const store = await Store.open({ path, now: () => new Date('2026-11-20T12:00:00Z') });
const loader = await store.loader();
const pending: string[] = [];

async function load(dump: string): Promise<void> {
  const bytes = Buffer.from(dump);
  const decoder = new SourceDecoder(
    {
      producer: loader.newProducer(),
      firstValueId: loader.nextAttributeId,
      onBatch: batch => loader.add(batch),
    },
    { limits: DEFAULT_LIMITS, compression: DEFAULT_COMPRESSION_LIMITS, lane: false },
  );
  await loader.begin();
  const source = { name: 'dump', path: undefined, bytes: bytes.length };
  const account = await decoder.decode(source, undefined, once(bytes));
  decoder.writer.flush();
  await loader.finish(account);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const served = await serveReads(store.database, {
  version,
  ...(limits === undefined ? {} : { limits }),
  async beforeRead() {
    for (const dump of pending.splice(0)) await load(dump);
  },
});
process.stdout.write(`${JSON.stringify({ socket: served.socket })}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const order: Order = JSON.parse(line);
  if ('load' in order) await load(order.load);
  else if ('pending' in order) pending.push(order.pending);
  else {
    await served.close(order.close);
    store.close();
  }
  process.stdout.write('{}\n');
  if ('close' in order) break;
}
process.stdin.destroy();
