import type { Definitions } from '../model/span-batch.ts';
import { type ColumnType, TableAppender } from './appender.ts';
import { FIRST_ATTRIBUTE_ID } from './attribute-tables.ts';
import type { AttributeAppenders } from './attribute-writer.ts';
import type { Database } from './database.ts';

// The dictionary tables while a load goes on: definitions of each producer get ids of the database, and what assembly
// must know of an operation or a status is kept at hand. Bounded: past a limit a dictionary forgets its texts, and the same
// content gets another id.

const MAX_KNOWN = 1 << 18;

/** Tables whose ids are counted here, with the column of the id. */
const ID_COLUMNS = {
  key: 'key_id',
  event_name: 'name_id',
  service: 'service_id',
  operation: 'operation_id',
  resource: 'resource_id',
  scope: 'scope_id',
  status: 'status_id',
} as const;
type CountedTable = keyof typeof ID_COLUMNS;

const ATTRIBUTE_COLUMNS: readonly ColumnType[] = ['UINTEGER', 'UINTEGER', 'UTINYINT', 'VARCHAR'];

/** The ids of one producer's definitions, in the order in which it made them. */
export class ProducerIds {
  readonly names: string[] = [];
  readonly keys = new IdList();
  readonly operations = new IdList();
  readonly resources = new IdList();
  readonly scopes = new IdList();
  readonly statuses = new IdList();
  /** Id of a name as an event's name; 0 until an event has it (ids begin at 1 here). */
  readonly eventNames = new IdList();
}

/** A list of ids that grows. */
export class IdList {
  ids = new Uint32Array(64);
  count = 0;

  push(id: number): void {
    if (this.count === this.ids.length) this.#grow(this.count + 1);
    this.ids[this.count++] = id;
  }

  /** Makes room for index `size - 1`, reading 0 where nothing was set. */
  reserve(size: number): void {
    if (size > this.ids.length) this.#grow(size);
    this.count = Math.max(this.count, size);
  }

  #grow(least: number): void {
    const larger = new Uint32Array(Math.max(this.ids.length * 2, least));
    larger.set(this.ids);
    this.ids = larger;
  }
}

/** Texts that have an id, up to a limit. */
class Known {
  readonly #ids = new Map<string, number>();

  /** Returns the id of a text; `add` gives a new one its id. */
  idOf(text: string, add: () => number): number {
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = add();
      if (this.#ids.size >= MAX_KNOWN) this.#ids.clear();
      this.#ids.set(text, id);
    }
    return id;
  }
}

export class Dictionaries {
  /** By operation id. */
  readonly operationKind = new IdList();
  readonly operationQuirks = new IdList();
  readonly operationService = new IdList();
  /** By status id: 1 where the code is error. */
  readonly statusFailed = new IdList();
  nextAttributeId = FIRST_ATTRIBUTE_ID;

  readonly #known = {
    key: new Known(),
    eventName: new Known(),
    service: new Known(),
    operation: new Known(),
    resource: new Known(),
    scope: new Known(),
    status: new Known(),
  };
  /** The next id of each table. Event names begin at 1, so that 0 can mean "not yet". */
  readonly #next: Record<CountedTable, number> = {
    key: 0,
    event_name: 1,
    service: 0,
    operation: 0,
    resource: 0,
    scope: 0,
    status: 0,
  };
  #appenders: Appenders | undefined;

  /** Reads the dictionaries of a database that may have rows already. */
  static async read(database: Database): Promise<Dictionaries> {
    const dictionaries = new Dictionaries();
    await dictionaries.#read(database);
    return dictionaries;
  }

  async #read(database: Database): Promise<void> {
    for (const table of Object.keys(ID_COLUMNS) as CountedTable[]) {
      const last = await database.value(`SELECT max(${ID_COLUMNS[table]}) FROM "${table}"`);
      if (typeof last === 'number') this.#next[table] = last + 1;
    }
    const lastAttribute = await database.value('SELECT max(attribute_id) FROM attribute');
    if (typeof lastAttribute === 'number') this.nextAttributeId = lastAttribute + 1;
    // Operations and statuses must be known whole: assembly asks for the kind of any span's operation.
    this.operationKind.reserve(this.#next.operation);
    this.operationQuirks.reserve(this.#next.operation);
    this.operationService.reserve(this.#next.operation);
    for await (const chunk of database.scan(
      'SELECT operation_id, kind::UINTEGER, quirks::UINTEGER, service_id FROM operation',
    )) {
      const [id, kind, quirks, service] = [0, 1, 2, 3].map(index => chunk.words(index, 4));
      for (let row = 0; row < chunk.rowCount; row++) {
        this.operationKind.ids[id![row]!] = kind![row]!;
        this.operationQuirks.ids[id![row]!] = quirks![row]!;
        this.operationService.ids[id![row]!] = service![row]!;
      }
    }
    this.statusFailed.reserve(this.#next.status);
    for await (const chunk of database.scan('SELECT status_id, (code = 2)::UINTEGER FROM status')) {
      const [id, failed] = [chunk.words(0, 4), chunk.words(1, 4)];
      for (let row = 0; row < chunk.rowCount; row++) this.statusFailed.ids[id[row]!] = failed[row]!;
    }
    await this.#readKnown(database);
  }

  /** Reads texts back, so that a second load shares the ids of the first. */
  async #readKnown(database: Database): Promise<void> {
    const remember = async (known: Known, sql: string) => {
      for await (const chunk of database.scan(`${sql} LIMIT ${MAX_KNOWN}`)) {
        const [ids, texts] = [chunk.column(0), chunk.column(1)];
        for (const [row, id] of ids.entries()) known.idOf(String(texts[row]), () => Number(id));
      }
    };
    const known = this.#known;
    await remember(known.key, 'SELECT key_id, name FROM key');
    await remember(known.eventName, 'SELECT name_id, name FROM event_name');
    await remember(known.service, 'SELECT service_id, name FROM service');
    await remember(
      known.scope,
      `SELECT scope_id, strlen(name) || ' ' || name || chr(0) || version || chr(0) FROM scope WHERE len(attribute_ids) = 0`,
    );
    await remember(known.status, `SELECT status_id, code || chr(0) || message FROM status`);
    await remember(
      known.operation,
      `SELECT operation_id, concat_ws(chr(0), service_id, kind, scope_id, flags, quirks, name) FROM operation`,
    );
  }

  /** Opens the tables for appending; `close` ends it. */
  open(database: Database): void {
    this.#appenders = {
      key: new TableAppender(database, 'key', ['UINTEGER', 'VARCHAR']),
      eventName: new TableAppender(database, 'event_name', ['UINTEGER', 'VARCHAR']),
      service: new TableAppender(database, 'service', ['UINTEGER', 'VARCHAR']),
      operation: new TableAppender(database, 'operation', [
        'UINTEGER',
        'UINTEGER',
        'VARCHAR',
        'UTINYINT',
        'UINTEGER',
        'UINTEGER',
        'UTINYINT',
      ]),
      resource: new TableAppender(database, 'resource', ['UINTEGER', 'UINTEGER', 'UINTEGER[]']),
      scope: new TableAppender(database, 'scope', ['UINTEGER', 'VARCHAR', 'VARCHAR', 'UINTEGER[]']),
      status: new TableAppender(database, 'status', ['UINTEGER', 'UTINYINT', 'VARCHAR']),
      shortAttribute: new TableAppender(database, 'short_attribute', ATTRIBUTE_COLUMNS),
      longAttribute: new TableAppender(database, 'long_attribute', ATTRIBUTE_COLUMNS),
    };
  }

  get appenders(): Appenders {
    if (this.#appenders === undefined) throw new Error('the dictionaries are not open');
    return this.#appenders;
  }

  close(): void {
    for (const appender of Object.values(this.#appenders ?? {})) appender.close();
    this.#appenders = undefined;
  }

  discard(): void {
    for (const appender of Object.values(this.#appenders ?? {})) appender.discard();
    this.#appenders = undefined;
  }

  /** Gives ids of the database to what a batch defines. */
  define(producer: ProducerIds, definitions: Definitions): void {
    for (const name of definitions.names) producer.names.push(name);
    producer.eventNames.reserve(producer.names.length);
    for (const key of definitions.keys) producer.keys.push(this.#keyId(key));
    for (const { name, version, attributes } of definitions.scopes) {
      producer.scopes.push(this.#scopeId(name, version, attributes));
    }
    for (const { code, message } of definitions.statuses) producer.statuses.push(this.#statusId(code, message));
    for (const { serviceName, attributes } of definitions.resources) {
      producer.resources.push(this.#resourceId(producer.names[serviceName] ?? '', attributes));
    }
    for (const { serviceName, name, kind, scope, flags, quirks } of definitions.operations) {
      const service = this.#serviceId(producer.names[serviceName] ?? '');
      const scopeId = producer.scopes.ids[scope] ?? 0;
      producer.operations.push(this.#operationId(service, producer.names[name] ?? '', kind, scopeId, flags, quirks));
    }
  }

  #keyId(name: string): number {
    return this.#known.key.idOf(name, () => {
      const { key } = this.appenders;
      const id = this.#next.key++;
      key.words(0)[key.row] = id;
      key.setText(1, name);
      key.next();
      return id;
    });
  }

  /** Id of the name of an event; the producer's list remembers it. */
  eventNameId(producer: ProducerIds, name: number): number {
    const text = producer.names[name] ?? '';
    const id = this.#known.eventName.idOf(text, () => {
      const { eventName } = this.appenders;
      const next = this.#next.event_name++;
      eventName.words(0)[eventName.row] = next;
      eventName.setText(1, text);
      eventName.next();
      return next;
    });
    producer.eventNames.ids[name] = id;
    return id;
  }

  #serviceId(name: string): number {
    return this.#known.service.idOf(name, () => {
      const { service } = this.appenders;
      const id = this.#next.service++;
      service.words(0)[service.row] = id;
      service.setText(1, name);
      service.next();
      return id;
    });
  }

  #operationId(service: number, name: string, kind: number, scope: number, flags: number, quirks: number): number {
    return this.#known.operation.idOf([service, kind, scope, flags, quirks, name].join('\0'), () => {
      const { operation } = this.appenders;
      const id = this.#next.operation++;
      operation.words(0)[operation.row] = id;
      operation.words(1)[operation.row] = service;
      operation.setText(2, name);
      operation.bytes(3)[operation.row] = kind;
      operation.words(4)[operation.row] = scope;
      operation.words(5)[operation.row] = flags;
      operation.bytes(6)[operation.row] = quirks;
      operation.next();
      this.operationKind.push(kind);
      this.operationQuirks.push(quirks);
      this.operationService.push(service);
      return id;
    });
  }

  /** Resources and scopes with attributes are shared within a load only: their attributes have other ids in another. */
  #resourceId(serviceName: string, attributes: readonly number[]): number {
    const service = this.#serviceId(serviceName);
    return this.#known.resource.idOf(`${service}\0${attributes.join(' ')}`, () => {
      const { resource } = this.appenders;
      const id = this.#next.resource++;
      resource.words(0)[resource.row] = id;
      resource.words(1)[resource.row] = service;
      resource.setList(2, attributes);
      resource.next();
      return id;
    });
  }

  #scopeId(name: string, version: string, attributes: readonly number[]): number {
    // With its length, because a name may contain what stands behind it.
    const text = `${Buffer.byteLength(name)} ${name}\0${version}\0${attributes.join(' ')}`;
    return this.#known.scope.idOf(text, () => {
      const { scope } = this.appenders;
      const id = this.#next.scope++;
      scope.words(0)[scope.row] = id;
      scope.setText(1, name);
      scope.setText(2, version);
      scope.setList(3, attributes);
      scope.next();
      return id;
    });
  }

  #statusId(code: number, message: string): number {
    return this.#known.status.idOf(`${code}\0${message}`, () => {
      const { status } = this.appenders;
      const id = this.#next.status++;
      status.words(0)[status.row] = id;
      status.bytes(1)[status.row] = code;
      status.setText(2, message);
      status.next();
      this.statusFailed.push(code === 2 ? 1 : 0);
      return id;
    });
  }
}

interface Appenders extends AttributeAppenders {
  readonly key: TableAppender;
  readonly eventName: TableAppender;
  readonly service: TableAppender;
  readonly operation: TableAppender;
  readonly resource: TableAppender;
  readonly scope: TableAppender;
  readonly status: TableAppender;
}
