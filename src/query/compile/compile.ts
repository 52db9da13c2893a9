import type {
  Aggregate,
  FieldExpression,
  Pipeline,
  ScalarExpression,
  ScalarFilter,
  SpansetExpression,
  SpansetRelation,
  Stage,
} from '../traceql/ast.ts';
import { INVERSE, STRUCTURE } from '../traceql/operators.ts';
import { printNode, printStage } from '../traceql/printer.ts';
import { aggregateColumns } from './aggregates.ts';
import { AttributeIds } from './attribute-ids.ts';
import { conditionSql, firstKey, hasManyValues, valueSql } from './conditions.ts';
import { Scope } from './scope.ts';
import { arithmeticSelect, compare, keyOf, literalValue, NIL, type SqlValue } from './sql-value.ts';
import { PLACE, relatedSpans, type Side } from './structure.ts';

// A search query as one SQL statement: a step (a common table expression) for every spanset expression and stage, over the tables of
// store/schema. Nothing recursive: assembly has numbered the spans of every trace as nested sets.
//
// A relation of spansets has a row a span: trace_id, span_no, then what tells the spansets of one trace apart (g0, g1 …: a by()
// each), then what is said of a spanset (a0, a1 …: the value of a by() or an aggregate). Values among them are texts, see `valueOfKey`.

/** One step of a compiled query. */
export interface Step {
  /** The name that it has in the statement. */
  readonly name: string;
  /** The TraceQL that it stands for. */
  readonly text: string;
  readonly sql: string;
  /** Of a filter: what it asks, and the step of whose spans; of all spans where it is undefined. */
  readonly filter?: { readonly condition: FieldExpression; readonly input: string | undefined };
}

export interface CompiledQuery {
  readonly steps: readonly Step[];
  /** Columns `trace_id` and `span_no` of the spans that match, `g0` … that tell spansets apart, `a0` … that describe them. */
  readonly sql: string;
  readonly groupCount: number;
  /** What `a0`, `a1` … are, as printed TraceQL. */
  readonly attributes: readonly string[];
}

/** Spansets at hand: the relation `name`, or all spans of each trace where it is undefined. */
interface Relation {
  readonly name: string | undefined;
  readonly groups: number;
  readonly attributes: readonly string[];
}

const ALL: Relation = { name: undefined, groups: 0, attributes: [] };

/** Compiles the stages of a query. */
export function compilePipeline(pipeline: Pipeline, ids?: AttributeIds): CompiledQuery {
  return new Compiler(ids).compile(pipeline);
}

/** Compiles the stages of a query for one database; `ask` runs a query of ids there. */
export async function compileFor(
  pipeline: Pipeline,
  ask: (sql: string) => Promise<readonly number[]>,
): Promise<CompiledQuery> {
  const ids = new AttributeIds();
  compilePipeline(pipeline, ids);
  await ids.answer(ask);
  return compilePipeline(pipeline, ids);
}

/** From so many spans in one trace on, pairs of them are too many. */
const HUGE_TRACE = 10_000;

class Compiler {
  readonly #steps: Step[] = [];
  readonly #ids: AttributeIds | undefined;

  constructor(ids: AttributeIds | undefined) {
    this.#ids = ids;
  }

  compile(pipeline: Pipeline): CompiledQuery {
    const result = this.#stages(pipeline.stages, ALL);
    const name = result.name ?? this.#step('{ }', 'SELECT trace_id, span_no FROM span', ALL).name;
    // Of two that are called alike the later one counts.
    const attributes = [...new Set(result.attributes)];
    const columns = [
      ...columnsOf({ ...result, attributes: [] }),
      ...attributes.map((text, index) => `a${result.attributes.lastIndexOf(text)} AS a${index}`),
    ];
    const steps = this.#steps.map(step => `${step.name} AS (${step.sql})`);
    return {
      steps: this.#steps,
      sql: `WITH ${steps.join(',\n')}\nSELECT ${columns.join(', ')} FROM ${name}`,
      groupCount: result.groups,
      attributes,
    };
  }

  #step(
    text: string,
    sql: string,
    shape: Omit<Relation, 'name'>,
    filter?: NonNullable<Step['filter']>,
  ): Relation & { name: string } {
    const name = `step${this.#steps.length + 1}`;
    this.#steps.push({ name, text, sql, ...(filter === undefined ? {} : { filter }) });
    return { ...shape, name };
  }

  #stages(stages: readonly Stage[], input: Relation): Relation {
    let spansets = input;
    for (const stage of stages) spansets = this.#stage(stage, spansets, input);
    return spansets;
  }

  /** `base` is what the pipeline of the stage began with: its spansets are never mixed with each other. */
  #stage(stage: Stage, input: Relation, base: Relation): Relation {
    switch (stage.kind) {
      case 'by':
        return this.#group(stage.expression, printStage(stage), input);
      case 'coalesce':
        return this.#step(
          'coalesce()',
          `SELECT DISTINCT ${columnsOf(base).join(', ')} FROM ${this.#nameOf(input)}`,
          base,
        );
      case 'select':
        // It names what is shown, and keeps every span.
        return input;
      case 'scalar-filter':
        return this.#scalarFilter(stage, input);
      default:
        return this.#spansets(stage, input);
    }
  }

  /** The name of a relation; all spans get a step for it. */
  #nameOf(relation: Relation): string {
    return relation.name ?? this.#step('{ }', 'SELECT trace_id, span_no FROM span', ALL).name;
  }

  /** A FROM clause of the spans of a relation as `span s`, with its columns as `m` where it is not all spans. */
  #spansOf({ name }: Relation): string {
    return name === undefined ? 'span s' : `${name} m JOIN span s ON s.span_no = m.span_no`;
  }

  /** The columns of a relation, read from `m`, or from `s` where it is all spans. */
  #columns(relation: Relation): string[] {
    return relation.name === undefined ? ['s.trace_id', 's.span_no'] : columnsOf(relation).map(column => `m.${column}`);
  }

  #spansets(expression: SpansetExpression, input: Relation): Relation {
    switch (expression.kind) {
      case 'filter': {
        const scope = new Scope(this.#spansOf(input), this.#ids);
        const condition = conditionSql(expression.condition, scope);
        return this.#step(
          printStage(expression),
          `SELECT ${this.#columns(input).join(', ')} FROM ${scope.from} WHERE ${condition}`,
          input,
          { condition: expression.condition, input: input.name },
        );
      }
      case 'spanset-logical': {
        const operands = expression.operands.map(operand => this.#operand(operand, input));
        const union = operands.map(operand => `SELECT ${columnsOf(input).join(', ')} FROM ${operand}`).join(' UNION ');
        const inAll = operands.map(
          operand => `${rowOf(keysOf(input))} IN (SELECT ${rowOf(keysOf(input))} FROM ${operand})`,
        );
        return this.#step(
          printStage(expression),
          expression.operator === '||' ? union : `SELECT * FROM (${union}) WHERE ${inAll.join(' AND ')}`,
          input,
        );
      }
      case 'structural':
        return this.#structural(expression, input);
      case 'pipeline':
        return this.#stages(expression.stages, input);
    }
  }

  /** The spans of an operand, each once, in the columns of the input. */
  #operand(expression: SpansetExpression, input: Relation): string {
    const result = this.#spansets(expression, input);
    if (
      result.name !== undefined &&
      result.groups === input.groups &&
      result.attributes.length === input.attributes.length
    ) {
      return result.name;
    }
    return this.#step(
      `${printStage(expression)}, one spanset`,
      `SELECT DISTINCT ${columnsOf(input).join(', ')} FROM ${this.#nameOf(result)}`,
      input,
    ).name;
  }

  #structural(expression: SpansetRelation, input: Relation): Relation {
    const { relation, keeps } = STRUCTURE[expression.operator];
    const left = this.#side(expression.left, input);
    const right = this.#side(expression.right, input);
    const text = printStage(expression);
    const columns = columnsOf(input);
    const keys = keysOf(input);
    const [largest = Infinity] = this.#ids?.of('SELECT coalesce(max(span_count), 0) FROM trace') ?? [];
    const options = { keys, columns, hasHugeTraces: largest > HUGE_TRACE };
    const related = relatedSpans(left, right, relation, options);
    if (keeps === 'right') return this.#step(text, related, input);
    if (keeps === 'both') {
      const mirrored = relatedSpans(right, left, INVERSE[relation], options);
      return this.#step(text, `${related} UNION ${mirrored}`, input);
    }
    const standing = this.#step(`${text}, those that ! leaves out`, related, input).name;
    const row = rowOf([...keys, 'span_no']);
    return this.#step(
      text,
      `SELECT ${columns.join(', ')} FROM (${right}) WHERE ${row} NOT IN (SELECT ${row} FROM ${standing})`,
      input,
    );
  }

  /** An operand of a structural operator: its spans in the columns of the input, and where they stand. */
  #side(expression: SpansetExpression, input: Relation): Side {
    const place = PLACE.split(', ').map(column => `s.${column}`);
    if (expression.kind === 'filter') {
      // A filter is asked of the table itself, which knows where its spans stand; the step is for who wants to see it alone.
      const scope = new Scope(this.#spansOf(input), this.#ids);
      const condition = conditionSql(expression.condition, scope);
      this.#spansets(expression, input);
      return `SELECT ${[...this.#columns(input), ...place].join(', ')} FROM ${scope.from} WHERE ${condition}`;
    }
    const columns = columnsOf(input).map(column => `m.${column}`);
    return `SELECT ${[...columns, ...place].join(', ')} FROM ${this.#operand(expression, input)} m JOIN span s ON s.span_no = m.span_no`;
  }

  #group(expression: FieldExpression, text: string, input: Relation): Relation {
    const scope = new Scope(this.#spansOf(input), this.#ids);
    const key = firstKey(expression, scope);
    const columns = this.#columns(input);
    const beforeAttributes = 2 + input.groups;
    const select = [
      ...columns.slice(0, beforeAttributes),
      `${key} AS g${input.groups}`,
      ...columns.slice(beforeAttributes),
      `${key} AS a${input.attributes.length}`,
    ];
    return this.#step(text, `SELECT ${select.join(', ')} FROM ${scope.from}`, {
      groups: input.groups + 1,
      attributes: [...input.attributes, text],
    });
  }

  #scalarFilter(stage: ScalarFilter, given: Relation): Relation {
    const input = { ...given, name: this.#nameOf(given) };
    const keys = keysOf(input);
    const simple = this.#simpleFilter(stage, input);
    if (simple !== undefined) return simple;
    const joins: string[] = [];
    const shown = new Map<string, string>();
    const condition = compare(
      stage.operator,
      this.#scalar(stage.left, input, input.name, joins, shown),
      this.#scalar(stage.right, input, input.name, joins, shown),
    );
    const attributes = [...shown.values()].map((key, index) => `${key} AS a${input.attributes.length + index}`);
    const select = [...columnsOf(input).map(column => `m.${column}`), ...attributes];
    return this.#step(
      printStage(stage),
      `SELECT ${select.join(', ')} FROM ${input.name} m ${joins
        .map((join, index) => `LEFT JOIN (${join}) c${index} USING (${keys.join(', ')})`)
        .join(' ')} WHERE ${condition}`,
      { groups: input.groups, attributes: [...input.attributes, ...shown.keys()] },
    );
  }

  /** One aggregate beside a number, which is nearly every scalar filter there is: decided where it is computed. */
  #simpleFilter(stage: ScalarFilter, input: Relation & { name: string }): Relation | undefined {
    const { left: aggregate, right: number } = stage;
    if (aggregate.kind !== 'aggregate' || number.kind !== 'literal') return undefined;
    if (aggregate.expression !== undefined && hasManyValues(aggregate.expression)) return undefined;
    const { scope, value } = this.#aggregated(aggregate, input, input.name);
    const keys = keysOf(input);
    const ofM = keys.map(key => `m.${key}`).join(', ');
    const shown = `a${input.attributes.length}`;
    const kept = `SELECT ${ofM}, ${keyOf(value)} AS ${shown} FROM ${scope.from} GROUP BY ${ofM} HAVING ${compare(stage.operator, value, literalValue(number))}`;
    const columns = columnsOf(input).map(column => `m.${column}`);
    return this.#step(
      printStage(stage),
      `SELECT ${columns.join(', ')}, c.${shown} FROM ${input.name} m JOIN (${kept}) c USING (${keys.join(', ')})`,
      { groups: input.groups, attributes: [...input.attributes, printNode(aggregate)] },
    );
  }

  /** An aggregate over the spans of the relation `of`, in a query that is grouped by the keys of `input`. */
  #aggregated(aggregate: Aggregate, input: Relation, of: string): { scope: Scope; value: SqlValue } {
    // To count them, spans need not be looked at.
    const spans = aggregate.expression === undefined ? `${of} m` : this.#spansOf({ ...input, name: of });
    const scope = new Scope(spans, this.#ids);
    const value = aggregate.expression === undefined ? NIL : valueSql(aggregate.expression, scope);
    const columns = aggregateColumns(aggregate, value, scope.order);
    return { scope, value: aggregate.name === 'count' ? { int: columns.int, isSure: true } : columns };
  }

  /**
   * A number about each spanset of `input`, over the spans of the relation `of`. Aggregates are added to `joins`, those of `input`
   * itself to `shown` too.
   */
  #scalar(
    expression: ScalarExpression,
    input: Relation,
    of: string,
    joins: string[],
    shown: Map<string, string>,
  ): SqlValue {
    switch (expression.kind) {
      case 'literal':
        return literalValue(expression);
      case 'aggregate': {
        const alias = `c${joins.length}`;
        joins.push(this.#aggregate(expression, input, of));
        // Where no span is left there is no row.
        const value: SqlValue =
          expression.name === 'count'
            ? { int: `coalesce(${alias}.int, 0)`, isSure: true }
            : { int: `${alias}.int`, float: `${alias}.float` };
        if (of === input.name) shown.set(printNode(expression), keyOf(value));
        return value;
      }
      case 'scalar-binary': {
        const left = this.#scalar(expression.left, input, of, joins, shown);
        const right = this.#scalar(expression.right, input, of, joins, shown);
        const arithmetic = (column: string) =>
          `(SELECT "${column}" FROM (${arithmeticSelect(expression.operator, left, right)}))`;
        return { int: arithmetic('int'), float: arithmetic('float') };
      }
      case 'scalar-pipeline': {
        const result = this.#stages(expression.stages, { ...input, name: of });
        const spans = this.#step(
          `${expression.stages.map(printStage).join(' | ')}, one spanset`,
          `SELECT DISTINCT ${columnsOf(input).join(', ')} FROM ${this.#nameOf(result)}`,
          input,
        );
        return this.#scalar(expression.value, input, spans.name, joins, shown);
      }
    }
  }

  #aggregate(aggregate: Aggregate, input: Relation, of: string): string {
    const { scope, value } = this.#aggregated(aggregate, input, of);
    const keys = keysOf(input).map(key => `m.${key}`);
    const { int = 'NULL::BIGINT', float = 'NULL::DOUBLE' } = value;
    return `SELECT ${keys.join(', ')}, ${int} AS "int", ${float} AS "float" FROM ${scope.from} GROUP BY ${keys.join(', ')}`;
  }
}

/** The columns that tell spansets apart. */
function keysOf({ groups }: Pick<Relation, 'groups'>): string[] {
  return ['trace_id', ...Array.from({ length: groups }, (_, index) => `g${index}`)];
}

/** All columns of a relation. */
function columnsOf({ groups, attributes }: Pick<Relation, 'groups' | 'attributes'>): string[] {
  const [trace = '', ...rest] = keysOf({ groups });
  return [trace, 'span_no', ...rest, ...attributes.map((_, index) => `a${index}`)];
}

/** Columns as one thing to look for. */
function rowOf(columns: readonly string[]): string {
  return columns.length === 1 ? columns.join('') : `(${columns.join(', ')})`;
}
