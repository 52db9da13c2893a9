import { ValueType } from '../../model/attributes.ts';
import type { Attribute, Field, Intrinsic } from '../traceql/ast.ts';
import type { Holder } from '../traceql/fields.ts';
import type { AttributeIds } from './attribute-ids.ts';
import { attributeValue, isPresent, NIL, type SqlValue, sqlText, TYPES } from './sql-value.ts';

// Fields of the spans in hand as columns: a FROM clause that grows by a join for each thing that is asked for.

const CHILD = 0;
const ORPHAN = 2;

/** The parentage of spans that name a parent: children of a span in the data, and orphans. */
export const NAMES_PARENT = `IN (${CHILD}, ${ORPHAN})`;

/** The key of the span's service, which every span has. */
export const SERVICE_NAME = 'service.name';

/** Says that `parent` is the parent of `child`, as assembly found it: ids alone may stand for several spans. */
export function isParentOf(parent: string, child: string): string {
  return `${child}.parentage = ${CHILD} AND ${parent}.trace_id = ${child}.trace_id AND ${parent}.span_id = ${child}.parent_id AND ${isAbove(parent, child)} AND ${parent}.depth = ${child}.depth - 1`;
}

/** Says that `ancestor` is above `descendant`, both of one trace. */
export function isAbove(ancestor: string, descendant: string): string {
  return `${ancestor}.nested_set_left < ${descendant}.nested_set_left AND ${ancestor}.nested_set_right > ${descendant}.nested_set_right`;
}

/** The ids of attributes of a key that are not nil. */
export function attributesOfKey(name: string): string {
  return `key_id IN (SELECT key_id FROM key WHERE name = ${sqlText(name)}) AND type <> ${ValueType.empty}`;
}

export class Scope {
  /** By what it is of: the alias, and the join that has it. */
  readonly #joins = new Map<string, { readonly alias: string; readonly clause: string }>();
  readonly #base: string;
  /** What is known of the database. */
  readonly ids: AttributeIds | undefined;
  readonly #order: string[] = [];

  /** `base` is a FROM clause in which the span in hand has the alias `s`. */
  constructor(base: string, ids: AttributeIds | undefined) {
    this.#base = base;
    this.ids = ids;
  }

  /** The FROM clause with all that was asked for. */
  get from(): string {
    return [this.#base, ...[...this.#joins.values()].map(({ clause }) => clause)].join('\n    ');
  }

  /** Returns the alias of a join, which is added where it is not there yet. */
  #join(of: string, clause: (alias: string) => string): string {
    const known = this.#joins.get(of);
    if (known !== undefined) return known.alias;
    const alias = `j${this.#joins.size}`;
    this.#joins.set(of, { alias, clause: clause(alias) });
    return alias;
  }

  /** Adds a query with columns `owner`, a span_no, and others, at most a row a span; returns its alias. */
  perSpan(select: string): string {
    return this.#join(select, alias => `LEFT JOIN (${select}) AS ${alias} ON ${alias}.owner = s.span_no`);
  }

  /** The order of the rows of one span: ancestors from the nearest up, events by time. */
  get order(): string {
    return ['s.span_no', ...this.#order].join(', ');
  }

  /** Adds a subquery of one row that may use all that stands before it; returns its alias. */
  let(select: string): string {
    return this.#join(select, alias => `CROSS JOIN LATERAL (${select}) AS ${alias}`);
  }

  /** A key for a join that no other field shares: of two fields with many values each has its own. */
  #once(what: string): string {
    return `${what} ${this.#joins.size}`;
  }

  /** The alias of a holder's row of `span`; the columns of a parent are NULL where there is none. */
  holder(holder: Holder): string {
    switch (holder) {
      case 'self':
        return 's';
      case 'parent':
        return this.#parent('s');
      case 'ancestor':
        return this.#join(this.#once(holder), alias => {
          this.#order.push(`${alias}.nested_set_left DESC`);
          return `JOIN span ${alias} ON ${alias}.trace_id = s.trace_id AND ${isAbove(alias, 's')}`;
        });
    }
  }

  /** The events or links of a span: a row each. */
  #part(part: 'event' | 'link', span: string): string {
    return this.#join(this.#once(part), alias => {
      const [first, then] = part === 'event' ? ['time_ns', 'name'] : ['trace_id', 'span_id'];
      this.#order.push(`${alias}.${first}`, `${alias}.${then}`);
      const rows = part === 'event' ? 'event JOIN event_name USING (name_id)' : 'link';
      return `JOIN (SELECT ${part}.rowid, * FROM ${rows}) AS ${alias} ON ${alias}.span_no = ${span}.span_no`;
    });
  }

  /** A field as a value; of events, links and ancestors that of one of them in each row. */
  value(field: Field): SqlValue {
    const span = this.holder(field.holder);
    return field.kind === 'attribute' ? this.#attribute(field, span) : this.#intrinsic(field, span);
  }

  #attribute({ scope, name }: Attribute, span: string): SqlValue {
    switch (scope) {
      case 'span':
        return this.#spanAttribute(name, span);
      case 'resource':
        return this.#resourceAttribute(name, span);
      case 'any':
        return firstOf(this.#spanAttribute(name, span), this.#resourceAttribute(name, span));
      case 'instrumentation':
        return this.#attributeOf('scope', 'scope_id', name, `${this.#row('operation', span)}.scope_id`);
      case 'event':
      case 'link':
        return this.#attributeOf(scope, 'rowid', name, `${this.#part(scope, span)}.rowid`);
    }
  }

  #spanAttribute(name: string, span: string): SqlValue {
    return this.#attributeOf('span', 'span_no', name, `${span}.span_no`);
  }

  #resourceAttribute(name: string, span: string): SqlValue {
    if (name === SERVICE_NAME) return { string: `${this.#row('service', this.#row('operation', span))}.name` };
    return this.#attributeOf('resource', 'resource_id', name, `${span}.resource_id`);
  }

  #attributeOf(table: string, owner: string, name: string, id: string): SqlValue {
    const attributes = attributesOf(table, owner, name);
    return attributeValue(
      this.#join(`${name} of ${id}`, alias => `LEFT JOIN (${attributes}) AS ${alias} ON ${alias}.owner = ${id}`),
    );
  }

  /** The row of a span's parent. */
  #parent(span: string): string {
    return this.#join(
      `parent of ${span}`,
      alias => `LEFT JOIN (${PARENTS}) AS ${alias} ON ${alias}.child_no = ${span}.span_no`,
    );
  }

  /** The row of a dictionary that `of` names by its id. */
  #row(table: 'operation' | 'service' | 'status' | 'scope', of: string): string {
    const id = `${table}_id`;
    return this.#join(`${table} of ${of}`, alias => `LEFT JOIN ${table} ${alias} ON ${alias}.${id} = ${of}.${id}`);
  }

  #trace(span: string): string {
    return this.#join(`trace of ${span}`, alias => `LEFT JOIN trace ${alias} ON ${alias}.trace_id = ${span}.trace_id`);
  }

  #rootOperation(span: string): string {
    const trace = this.#trace(span);
    return this.#join(
      `root of ${trace}`,
      alias =>
        `LEFT JOIN operation ${alias} ON ${alias}.operation_id = ${trace}.operation_id AND ${trace}.root_span_no IS NOT NULL`,
    );
  }

  #intrinsic({ name, holder }: Intrinsic, span: string): SqlValue {
    switch (name) {
      case 'name':
        return { string: `${this.#row('operation', span)}.name` };
      case 'kind':
        return { kind: `${this.#row('operation', span)}.kind` };
      case 'status':
        return { status: `${this.#row('status', span)}.code` };
      case 'statusMessage':
        return { string: `${this.#row('status', span)}.message` };
      case 'duration':
        return ofSpan({ int: `${span}.duration_ns` }, holder);
      case 'span:startTime':
        return ofSpan({ int: `${span}.start_ns` }, holder);
      case 'span:id':
        return ofSpan({ string: spanIdText(`${span}.span_id`) }, holder);
      case 'span:parentID':
        return { string: spanIdText(`nullif(${span}.parent_id, 0)`) };
      case 'span:childCount': {
        const counted = this.#join(
          `children of ${span}`,
          alias => `LEFT JOIN (${CHILD_COUNTS}) AS ${alias} ON ${alias}.span_no = ${span}.span_no`,
        );
        return { int: `CASE WHEN ${span}.span_no IS NOT NULL THEN coalesce(${counted}.children, 0) END` };
      }
      case 'trace:id':
        return ofSpan({ string: traceIdText(`${span}.trace_id`) }, holder);
      case 'trace:duration':
        return { int: `${this.#trace(span)}.duration_ns` };
      case 'trace:rootName':
        return { string: `${this.#rootOperation(span)}.name` };
      case 'trace:rootService':
        return { string: `${this.#row('service', this.#rootOperation(span))}.name` };
      case 'event:name':
        return { string: `${this.#part('event', span)}.name` };
      case 'event:timeSinceStart':
        return { int: `(${this.#part('event', span)}.time_ns - ${span}.start_ns)` };
      case 'link:traceID':
        return { string: traceIdText(`${this.#part('link', span)}.trace_id`) };
      case 'link:spanID':
        return { string: spanIdText(`${this.#part('link', span)}.span_id`) };
      case 'instrumentation:name':
        return { string: `nullif(${this.#row('scope', this.#row('operation', span))}.name, '')` };
      case 'instrumentation:version':
        return { string: `nullif(${this.#row('scope', this.#row('operation', span))}.version, '')` };
      case 'nestedSetLeft':
        return { int: `${span}.nested_set_left::BIGINT` };
      case 'nestedSetRight':
        return { int: `${span}.nested_set_right::BIGINT` };
      case 'nestedSetParent': {
        const above = `${this.#parent(span)}.nested_set_left::BIGINT`;
        return { int: `CASE WHEN ${span}.span_no IS NOT NULL THEN coalesce(${above}, -1) END` };
      }
      case 'parent':
        return NIL;
    }
  }
}

/** A column that every span has; there may be no parent. */
function ofSpan(value: SqlValue, holder: Holder): SqlValue {
  return holder === 'parent' ? value : { ...value, isSure: true };
}

/** The first value, or the second one where the first is nil. */
function firstOf(first: SqlValue, second: SqlValue): SqlValue {
  const has = isPresent(first);
  return Object.fromEntries(
    TYPES.filter(type => first[type] !== undefined || second[type] !== undefined).map(type => [
      type,
      `CASE WHEN ${has} THEN ${first[type] ?? 'NULL'} ELSE ${second[type] ?? 'NULL'} END`,
    ]),
  );
}

/** Parents by the number of their child: an outer join on what makes a parent would compare all with all. */
const PARENTS = `SELECT b.span_no AS child_no, a.* FROM span a JOIN span b ON ${isParentOf('a', 'b')}`;
const CHILD_COUNTS = `SELECT a.span_no, count(*) AS children FROM span a JOIN span b ON ${isParentOf('a', 'b')} GROUP BY a.span_no`;

export function spanIdText(column: string): string {
  return `printf('%016x', ${column})`;
}

export function traceIdText(column: string): string {
  return `lpad(lower(to_hex(${column})), 32, '0')`;
}

/** The attributes of one key, a row for each owner that has it: `owner`, `type`, `value`. */
function attributesOf(table: string, owner: string, name: string): string {
  return `SELECT owner, any_value(type) AS type, any_value(value) AS value FROM (SELECT ${owner} AS owner, unnest(attribute_ids) AS attribute_id FROM ${table}) JOIN attribute USING (attribute_id) WHERE ${attributesOfKey(name)} GROUP BY owner`;
}
