import { resolve } from 'node:path';
import { cacheFolder } from '../config/paths.ts';
import { programVersion } from '../config/version.ts';
import type { Source } from '../ingest/source.ts';
import type { SourceCache } from '../store/source-cache.ts';
import { Store } from '../store/store.ts';
import type { CommandContext } from './command.ts';
import type { Data } from './data.ts';
import { byteSize, MAP, MAX_COMPRESSION_RATIO, MAX_RECORD_SIZE, NO_CACHE } from './options.ts';

// Dumps that were read before: their database is kept, so that the second question about them does not read them again.

/** Smaller dumps are read again about as fast. */
const CACHED_BYTES = 8 << 20;
const DEFAULT_LIMIT_BYTES = 10 * 2 ** 30;

/** The cache of the user's; undefined where it is switched off. */
export async function openCache(context: Pick<CommandContext, 'env' | 'screen'>): Promise<SourceCache | undefined> {
  const wanted = context.env.TAILSPAN_CACHE;
  if (wanted === 'off') return undefined;
  const limit = wanted === undefined || wanted === '' ? DEFAULT_LIMIT_BYTES : byteSize('TAILSPAN_CACHE')(wanted);
  // With it comes node:crypto, which the many small dumps do not need.
  const { SourceCache: Cache } = await import('../store/source-cache.ts');
  return new Cache(await cacheFolder(context.env), limit, () => context.screen.now());
}

/** The place of some sources in the cache. */
export class CachePlace {
  readonly #cache: SourceCache;
  readonly #files: readonly string[];
  readonly #settings: readonly string[];
  readonly #bytes: number;
  readonly #key: string;

  /** Returns the place; undefined where the sources are not ones to be kept. */
  static async of(context: CommandContext, sources: readonly Source[]): Promise<CachePlace | undefined> {
    if (context.get(NO_CACHE) === true) return undefined;
    const files = sources.flatMap(({ path }) => (path === undefined ? [] : [resolve(path)]));
    const bytes = sources.reduce((sum, source) => sum + (source.bytes ?? Number.NaN), 0);
    // Stdin and URLs have no path, pipes no size.
    if (files.length !== sources.length || !(bytes >= CACHED_BYTES)) return undefined;
    const cache = await openCache(context);
    if (cache === undefined) return undefined;
    const settings = [
      programVersion(),
      String(context.get(MAX_RECORD_SIZE)),
      String(context.get(MAX_COMPRESSION_RATIO)),
      JSON.stringify(context.get(MAP) ?? null, (_key, value) => (value instanceof Map ? [...value] : value)),
      // The names as they were given stand in accounts.
      ...sources.map(({ name }) => name),
    ];
    const key = cache.keyOf(files, settings);
    return key === undefined ? undefined : new CachePlace(cache, files, settings, bytes, key);
  }

  private constructor(
    cache: SourceCache,
    files: readonly string[],
    settings: readonly string[],
    bytes: number,
    key: string,
  ) {
    this.#cache = cache;
    this.#files = files;
    this.#settings = settings;
    this.#bytes = bytes;
    this.#key = key;
  }

  /** Opens what is kept of the sources; undefined where nothing is, or nothing usable. */
  async open(
    options: Omit<Parameters<typeof Store.open>[0], 'path'>,
  ): Promise<(Pick<Data, 'loaded'> & { readonly store: Store }) | undefined> {
    const path = this.#cache.find(this.#key);
    if (path === undefined) return undefined;
    let store: Store | undefined;
    try {
      store = await Store.open({ path, readOnly: true, ...options });
      const loaded = await store.note(LOADED);
      if (loaded !== undefined) return { store, loaded: JSON.parse(loaded) };
    } catch {
      // Cut off by a full disk, or changed by someone: the dump itself is still there.
    }
    store?.close();
    this.#cache.drop(path);
    return undefined;
  }

  /** Returns where the sources may be loaded to be kept; undefined where there is no room. */
  begin(): string | undefined {
    return this.#cache.begin(this.#key, this.#bytes);
  }

  /** Closes a store that was loaded at `begin`'s path and keeps it, unless a source has changed meanwhile. */
  async keep(store: Store, loaded: Data['loaded']): Promise<void> {
    const { path } = store.database;
    try {
      await store.setNote(LOADED, JSON.stringify(loaded));
      store.close();
      if (this.#cache.keyOf(this.#files, this.#settings) === this.#key) this.#cache.keep(this.#key, path);
      else this.#cache.drop(path);
    } catch {
      // The answer was given; that it took a disk to keep it is nobody's trouble.
      store.close();
      this.#cache.drop(path);
    }
  }

  drop(path: string): void {
    this.#cache.drop(path);
  }

  /** Drops what is kept of the sources where an error says that it is damaged. Returns whether they can be read again. */
  forgetDamaged(error: unknown): boolean {
    const path = isDamage(error) ? this.#cache.find(this.#key) : undefined;
    if (path === undefined) return false;
    try {
      this.#cache.drop(path);
      return true;
    } catch {
      // A folder that is not ours to change.
      return false;
    }
  }
}

const LOADED = 'loaded_sources';

/** Says whether an error of DuckDB tells of a file whose blocks are not as they were written; it is known by its text alone. */
function isDamage(error: unknown): boolean {
  return (
    error instanceof Error &&
    /Corrupt database|IO Error|Serialization Error|INTERNAL Error|FATAL Error/i.test(error.message)
  );
}
