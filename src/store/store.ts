import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { Database, type DatabaseOptions } from './database.ts';
import { Loader } from './loader.ts';

// The door to the database: opens it, sees to its schema, and hands out the loader. What is asked of the data is in
// the files beside this one, a question a file.

export const SCHEMA_VERSION = 2;
const SCHEMA_FILES = new URL('./schema/', import.meta.url);
const VIEW_FILES = new URL('./views/', import.meta.url);

export class Store {
  readonly database: Database;
  readonly #now: () => Date;
  #loader: Loader | undefined;
  #hasViews = false;
  #isNew = false;

  private constructor(database: Database, now: () => Date) {
    this.database = database;
    this.#now = now;
  }

  /** Opens a database file, or `:memory:`, and makes its tables where they are missing. */
  static async open(options: DatabaseOptions & { readonly now: () => Date }): Promise<Store> {
    const isNew = options.path === ':memory:' || !existsSync(options.path);
    if (isNew && options.readOnly === true) {
      throw new UserError(`there is no database at ${options.path}`, {
        hint: 'give a trace dump to read (tailspan summary traces.json), or load one first: tailspan load traces.json',
      });
    }
    const database = await Database.open(options);
    const store = new Store(database, options.now);
    try {
      if (isNew || !(await store.#hasTables())) await store.#create(options.readOnly === true);
      else await store.#checkVersion();
    } catch (error) {
      database.close();
      throw error;
    }
    return store;
  }

  async #hasTables(): Promise<boolean> {
    const found = await this.database.rows(`
      SELECT table_name AS name FROM duckdb_tables() WHERE NOT internal
      UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal`);
    const names = new Set(found.map(row => row.name));
    if (names.has('meta') && names.has('span') && names.has('trace')) return true;
    if (names.size > 0) {
      throw new UserError(`${this.database.path} is a DuckDB database, but not one of tailspan`, {
        hint: 'name another file with --db',
      });
    }
    return false;
  }

  async #create(readOnly: boolean): Promise<void> {
    if (readOnly)
      throw new UserError(`${this.database.path} is an empty database`, {
        hint: 'load something first: tailspan load',
      });
    const statements = [schemaSql(), `INSERT INTO meta VALUES ('schema_version', '${SCHEMA_VERSION}');`];
    if (this.database.path !== ':memory:') {
      statements.push(...viewFiles().map(({ sql }) => sql));
      this.#hasViews = true;
    }
    // In one transaction: each statement by itself would wait until it is on disk.
    await this.database.run(`BEGIN TRANSACTION; ${statements.join('\n')} COMMIT;`);
    this.#isNew = true;
  }

  async #checkVersion(): Promise<void> {
    const version = Number(await this.database.value("SELECT value FROM meta WHERE key = 'schema_version'"));
    if (version === SCHEMA_VERSION) return;
    throw new UserError(
      `${this.database.path} was written by ${version > SCHEMA_VERSION ? 'a newer' : 'an older'} version of tailspan`,
      { hint: 'use that version, or load the dumps again into a new database (--db)' },
    );
  }

  /** Makes the public views. A database file has them from the start; in memory only SQL of the user's needs them. */
  async ensureViews(): Promise<void> {
    if (this.#hasViews) return;
    for (const file of viewFiles()) await this.database.run(file.sql);
    this.#hasViews = true;
  }

  /** Returns a note that was left in the database. */
  async note(key: string): Promise<string | undefined> {
    const value = await this.database.value('SELECT value FROM meta WHERE key = ?', [key]);
    return typeof value === 'string' ? value : undefined;
  }

  async setNote(key: string, value: string): Promise<void> {
    await this.database.rows('INSERT INTO meta VALUES (?, ?)', [key, value]);
    await this.database.run('CHECKPOINT');
  }

  async loader(): Promise<Loader> {
    this.#loader ??= await Loader.open(this.database, this.#now, this.#isNew);
    return this.#loader;
  }

  close(): void {
    this.database.close();
  }
}

/** The statements that make the tables. */
function schemaSql(): string {
  return readdirSync(SCHEMA_FILES)
    .sort()
    .map(file => readFileSync(new URL(file, SCHEMA_FILES), 'utf8'))
    .join('\n');
}

/** The tables, by name, with the columns as the statement that makes them has them, in parentheses. */
export function schemaTables(): { name: string; columns: string }[] {
  const statements = schemaSql().matchAll(/^CREATE TABLE (?<name>\w+) (?<columns>\(.*\)|\(\n[\s\S]*?\n\));$/gm);
  return [...statements].map(({ groups: { name = '', columns = '' } = {} }) => ({ name, columns }));
}

/** The names of all tables and views that a database has. */
export function schemaNames(): string[] {
  const made = schemaSql().matchAll(/^CREATE (?:TABLE|VIEW) (?<name>\w+)/gm);
  return [...[...made].map(({ groups: { name = '' } = {} }) => name), ...viewFiles().map(({ name }) => name)];
}

/** The public views, by name, with the SQL (and its comments) that makes them. */
export function viewFiles(): { name: string; sql: string }[] {
  return readdirSync(VIEW_FILES)
    .sort()
    .map(file => ({ name: file.replace(/\.sql$/, ''), sql: readFileSync(new URL(file, VIEW_FILES), 'utf8') }));
}
