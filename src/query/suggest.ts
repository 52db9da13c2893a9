import { VALUE_TYPE_WORDS, ValueType } from '../model/attributes.ts';
import { compilePipeline } from './compile/compile.ts';
import { conditionSql, firstKey, valueSql } from './compile/conditions.ts';
import { conjunctsOf, MOST_CONJUNCTS } from './compile/explain.ts';
import { Scope } from './compile/scope.ts';
import { sqlText } from './compile/sql-value.ts';
import { spellingsOf } from './semconv.ts';
import { alikeKeys, mostAlike } from './suggest-alike.ts';
import type {
  Attribute,
  Binary,
  Field,
  FieldExpression,
  Literal,
  Pipeline,
  ScalarFilter,
  SpansetExpression,
  SpansetRelation,
  Stage,
} from './traceql/ast.ts';
import { type AttributeScope, findIntrinsic } from './traceql/fields.ts';
import { isComparison, STRUCTURE, type StructuralOperator } from './traceql/operators.ts';
import { printExpression, printNode, printStage } from './traceql/printer.ts';

// Why a query finds nothing: which part of it nothing passes, and what there is instead. Asked only where an answer is empty, by a
// bounded number of queries, each of one pass over the spans at most.

/** Runs SQL over the tables of the store. */
export type Ask = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** How often something occurs. */
export interface Counted {
  readonly spanCount: number;
}

/** A value of a field, as `valueOfKey` of compile/keys.ts reads it. */
export interface CountedValue extends Counted {
  readonly key: string;
}

/** An attribute that is in the data. */
export interface KnownAttribute extends Counted {
  readonly scope: Exclude<AttributeScope, 'any'>;
  readonly name: string;
  /** The word for its type. */
  readonly type: (typeof VALUE_TYPE_WORDS)[number];
}

/** A condition that the nearest misses do not fulfil: those spans that fulfil most of the others. */
export interface FailedCondition {
  readonly kind: 'condition';
  /** As TraceQL. */
  readonly text: string;
  readonly field: Field | undefined;
  /** The spans that fulfil all the others; undefined where there are no others. */
  readonly nearest: Counted | undefined;
  readonly finding: Finding | undefined;
}

/** What is the matter with a condition. */
export type Finding =
  /** Nothing has the attribute. Names that are like it, and how an intrinsic of that name is written. */
  | { readonly kind: 'no-such-key'; readonly alike: readonly KnownAttribute[]; readonly intrinsic: string | undefined }
  /** The attribute is on something else. */
  | { readonly kind: 'elsewhere'; readonly found: KnownAttribute }
  /** Its values are of a type that is not compared with the literal; the literal as one that is, where it can be. */
  | { readonly kind: 'other-type'; readonly found: KnownAttribute; readonly literal: string | undefined }
  /** The pattern is found within values, but is no whole one. */
  | { readonly kind: 'part-of-value'; readonly spanCount: number }
  /** No span has the value; some have one that is spelled like it. */
  | { readonly kind: 'alike'; readonly values: readonly CountedValue[] }
  /** What the nearest misses have, or all spans where there are none; the most frequent first. */
  | { readonly kind: 'values'; readonly values: readonly CountedValue[]; readonly isOfNearest: boolean }
  /** From where to where the numbers of the nearest misses go, or of all spans. */
  | {
      readonly kind: 'range';
      readonly least: bigint | number;
      readonly most: bigint | number;
      readonly isOfNearest: boolean;
    };

export type Clue =
  | FailedCondition
  /** Each condition holds for some spans, but even the nearest misses fail two of them and more. */
  | { readonly kind: 'apart'; readonly texts: readonly string[]; readonly passing: readonly Counted[] }
  /** Both sides of a relation have spans, but none is related. */
  | {
      readonly kind: 'unrelated';
      readonly operator: StructuralOperator;
      readonly left: Counted;
      readonly right: Counted;
      /** Traces that have both. */
      readonly traceCount: number;
      /** Another operator, by which so many spans would match. */
      readonly instead: (Counted & { readonly operator: StructuralOperator }) | undefined;
    }
  /** Sets of spans of which each is in some trace, but all in none. */
  | { readonly kind: 'in-no-trace'; readonly texts: readonly string[] }
  /** A number about spansets that none fulfils. */
  | {
      readonly kind: 'scalar';
      readonly text: string;
      readonly aggregate: string;
      readonly isDuration: boolean;
      readonly least: number;
      readonly most: number;
    };

/** What is asked at most. */
const MOST_QUESTIONS = 16;
/** What is told at most. */
const MOST_CLUES = 3;
/** Conditions that are looked into. */
const MOST_CONDITIONS = 2;
/** Values that are named. */
const SHOWN = 3;

/** Returns what a pipeline fails by, which is known to find nothing; empty where nothing can be said. */
export async function cluesOf(pipeline: Pipeline, ask: Ask): Promise<readonly Clue[]> {
  return (await new Search(ask).ofStages(pipeline.stages, [])).slice(0, MOST_CLUES);
}

/** The clause of the spans that some stages leave, as `span s`. */
function spansOf(stages: readonly Stage[]): string {
  if (stages.length === 0) return 'span s';
  return `(SELECT DISTINCT span_no FROM (${compilePipeline(pipelineOf(stages)).sql})) m JOIN span s ON s.span_no = m.span_no`;
}

function pipelineOf(stages: readonly Stage[]): Pipeline {
  return { kind: 'pipeline', stages, from: 0, to: 0 };
}

class Search {
  readonly #ask: Ask;
  #asked = 0;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Undefined where enough was asked. */
  async #rows(sql: string): Promise<readonly Readonly<Record<string, unknown>>[] | undefined> {
    return ++this.#asked > MOST_QUESTIONS ? undefined : this.#ask(sql);
  }

  async #counts(stages: readonly Stage[]): Promise<{ spans: number; traces: number } | undefined> {
    const rows = await this.#rows(
      `SELECT count(DISTINCT span_no) AS spans, count(DISTINCT trace_id) AS traces FROM (${compilePipeline(pipelineOf(stages)).sql})`,
    );
    return rows?.[0] === undefined ? undefined : { spans: Number(rows[0].spans), traces: Number(rows[0].traces) };
  }

  /** Looks into the first stage behind which nothing is left. */
  async ofStages(stages: readonly Stage[], before: readonly Stage[]): Promise<readonly Clue[]> {
    for (const [index, stage] of stages.entries()) {
      const input = [...before, ...stages.slice(0, index)];
      if (stage.kind === 'by' || stage.kind === 'coalesce' || stage.kind === 'select') continue;
      // The last one is known to leave nothing where all others leave something.
      const kept = index === stages.length - 1 ? { spans: 0 } : await this.#counts([...input, stage]);
      if (kept === undefined) return [];
      if (kept.spans > 0) continue;
      return stage.kind === 'scalar-filter' ? this.#ofScalar(stage, input) : this.#ofSpansets(stage, input);
    }
    return [];
  }

  async #ofSpansets(expression: SpansetExpression, before: readonly Stage[]): Promise<readonly Clue[]> {
    switch (expression.kind) {
      case 'filter':
        return this.#ofFilter(expression.condition, before);
      case 'pipeline':
        return this.ofStages(expression.stages, before);
      case 'structural':
        return this.#ofRelation(expression, before);
      case 'spanset-logical': {
        const { operands, operator } = expression;
        if (operator === '||') {
          const clues: Clue[] = [];
          for (const operand of operands.slice(0, MOST_CONDITIONS))
            clues.push(...(await this.#ofSpansets(operand, before)));
          return clues;
        }
        for (const operand of operands) {
          const kept = await this.#counts([...before, operand]);
          if (kept === undefined) return [];
          if (kept.spans === 0) return this.#ofSpansets(operand, before);
        }
        return [{ kind: 'in-no-trace', texts: operands.map(printStage) }];
      }
    }
  }

  async #ofRelation(relation: SpansetRelation, before: readonly Stage[]): Promise<readonly Clue[]> {
    const { operator } = relation;
    const isNegated = STRUCTURE[operator].keeps === 'not';
    const right = await this.#counts([...before, relation.right]);
    if (right === undefined) return [];
    if (right.spans === 0) return this.#ofSpansets(relation.right, before);
    const left = await this.#counts([...before, relation.left]);
    if (left === undefined) return [];
    if (left.spans === 0) return isNegated ? [] : this.#ofSpansets(relation.left, before);
    const both: Stage = {
      kind: 'spanset-logical',
      operator: '&&',
      operands: [relation.left, relation.right],
      from: 0,
      to: 0,
    };
    const together = await this.#counts([...before, both]);
    if (together === undefined) return [];
    let instead: (Counted & { readonly operator: StructuralOperator }) | undefined;
    if (together.traces > 0 && !isNegated) {
      for (const other of alternativesOf(operator)) {
        const kept = await this.#counts([...before, { ...relation, operator: other }]);
        if (kept === undefined || kept.spans === 0) continue;
        instead = { operator: other, spanCount: kept.spans };
        break;
      }
    }
    const spanCounts = { left: { spanCount: left.spans }, right: { spanCount: right.spans } };
    return [{ kind: 'unrelated', operator, ...spanCounts, traceCount: together.traces, instead }];
  }

  /** A comparison of an aggregate with a number: which numbers there are. */
  async #ofScalar(stage: ScalarFilter, before: readonly Stage[]): Promise<readonly Clue[]> {
    const [aggregate, number] = stage.left.kind === 'aggregate' ? [stage.left, stage.right] : [stage.right, stage.left];
    if (aggregate.kind !== 'aggregate' || number.kind !== 'literal') return [];
    const field = aggregate.expression;
    if (field?.kind === 'attribute') {
      const finding = await this.#ofKey(field, { field, spellings: [], operator: undefined, literals: [] });
      if (finding !== undefined)
        return [{ kind: 'condition', text: printStage(stage), field, nearest: undefined, finding }];
    }
    // It is equal to itself wherever it is a number at all, and described in the last column.
    const known: ScalarFilter = { ...stage, operator: '=', left: aggregate, right: aggregate };
    const { sql, attributes } = compilePipeline(pipelineOf([...before, known]));
    const column = `try_cast(substr(a${attributes.length - 1}, 2) AS DOUBLE)`;
    const [row] = (await this.#rows(`SELECT min(${column}) AS least, max(${column}) AS most FROM (${sql})`)) ?? [];
    if (typeof row?.least !== 'number' || typeof row.most !== 'number') return [];
    const isDuration = isOfDuration(aggregate.expression);
    const text = printStage(stage);
    return [{ kind: 'scalar', text, aggregate: printNode(aggregate), isDuration, least: row.least, most: row.most }];
  }

  async #ofFilter(condition: FieldExpression, before: readonly Stage[]): Promise<readonly Clue[]> {
    const conditions = conjunctsOf(condition);
    const base = spansOf(before);
    if (conditions.length === 1) return this.#ofConditions([condition], [], undefined, base);
    if (conditions.length > MOST_CONJUNCTS) return [];
    const scope = new Scope(base, undefined);
    const tests = conditions.map((operand, index) => `${conditionSql(operand, scope)} AS b${index}`);
    const passed = conditions.map((_, index) => `b${index}::INTEGER`).join(' + ');
    const names = conditions.map((_, index) => `b${index}`);
    const rows = await this.#rows(
      `SELECT * FROM (SELECT ${names.join(', ')}, count(*) AS spans FROM (SELECT ${tests.join(', ')} FROM ${scope.from}) GROUP BY ALL) ORDER BY ${passed} DESC, spans DESC, ${names.join(', ')}`,
    );
    const [nearest] = rows ?? [];
    if (nearest === undefined || rows === undefined) return [];
    const isPassed = (row: Readonly<Record<string, unknown>>, index: number) => row[`b${index}`] === true;
    const failed = conditions.filter((_, index) => !isPassed(nearest, index));
    const fulfilled = conditions.filter((_, index) => isPassed(nearest, index));
    const passing = conditions.map((_, index) => ({
      spanCount: rows.reduce((sum, row) => sum + (isPassed(row, index) ? Number(row.spans) : 0), 0),
    }));
    const impossible = failed.filter(operand => passing[conditions.indexOf(operand)]?.spanCount === 0);
    const counted = fulfilled.length === 0 ? undefined : { spanCount: Number(nearest.spans) };
    // What no span fulfils, whatever the others say, is the first thing to put right.
    if (impossible.length > 0 || failed.length === 1) {
      return this.#ofConditions(impossible.length > 0 ? impossible : failed, fulfilled, counted, base);
    }
    return [{ kind: 'apart', texts: conditions.map(printExpression), passing }];
  }

  /** `fulfilled` are the conditions that the nearest misses do fulfil, so many spans of `base`. */
  async #ofConditions(
    failed: readonly FieldExpression[],
    fulfilled: readonly FieldExpression[],
    nearest: Counted | undefined,
    base: string,
  ): Promise<readonly Clue[]> {
    const clues: Clue[] = [];
    for (const condition of failed.slice(0, MOST_CONDITIONS)) {
      const asked = await this.#spelledAsInData(askedOf(condition));
      clues.push({
        kind: 'condition',
        text: printExpression(condition),
        field: asked?.field,
        nearest,
        finding: asked === undefined ? undefined : await this.#find(asked, fulfilled, base),
      });
    }
    return clues;
  }

  /** Of a condition with other spellings of its attribute (semconv.ts) the one that is in the data. */
  async #spelledAsInData(asked: Asked | undefined): Promise<Asked | undefined> {
    if (asked === undefined || asked.spellings.length === 0) return asked;
    const known = await this.#attributesNamed(asked.spellings.map(({ name }) => name));
    const field = asked.spellings.find(({ name }) => known?.some(attribute => attribute.name === name));
    return field === undefined ? asked : { ...asked, field };
  }

  async #find(asked: Asked, fulfilled: readonly FieldExpression[], base: string): Promise<Finding | undefined> {
    const { field } = asked;
    const aboutKey = field.kind === 'attribute' ? await this.#ofKey(field, asked) : undefined;
    const { operator, literals } = asked;
    // Of a number and its text, as --attr asks for both, the text.
    const literal = literals.at(-1);
    if (aboutKey !== undefined || literal === undefined) return aboutKey;
    if (operator === '=~' && literal.type === 'string') {
      const spanCount = await this.#spansWith(
        field,
        base,
        value => `regexp_matches(${value}, ${sqlText(literal.value)}, 's')`,
      );
      if (spanCount > 0) return { kind: 'part-of-value', spanCount };
    }
    if (operator === '=' && literal.type === 'string') {
      const values = await this.#alikeValues(field, literal.value, base, fulfilled);
      if (values.length > 0) return { kind: 'alike', values };
    }
    const isOfNearest = fulfilled.length > 0;
    const isOrder = operator !== undefined && !['=', '!=', '=~', '!~'].includes(operator);
    return isOrder && literal.type !== 'string'
      ? this.#range(field, fulfilled, base, isOfNearest)
      : this.#values(field, fulfilled, base, isOfNearest);
  }

  /** Whether an attribute is there at all, where, and of which type. */
  async #ofKey(field: Attribute, asked: Asked): Promise<Finding | undefined> {
    if (field.name === 'service.name' && field.scope !== 'span') return undefined;
    const known = await this.#attributesNamed([field.name]);
    if (known === undefined) return undefined;
    if (known.length === 0) {
      const names = (await this.#rows('SELECT DISTINCT name FROM key ORDER BY name')) ?? [];
      const alike = alikeKeys(
        field.name,
        names.map(({ name }) => String(name)),
        spellingsOf(field.name),
      );
      const found = alike.length === 0 ? [] : ((await this.#attributesNamed(alike)) ?? []);
      const ranked = [...found].sort((a, b) => alike.indexOf(a.name) - alike.indexOf(b.name));
      return { kind: 'no-such-key', alike: ranked.slice(0, SHOWN), intrinsic: findIntrinsic(field.name) };
    }
    const here = known.filter(({ scope }) => scope === field.scope || (field.scope === 'any' && OWN.includes(scope)));
    const [elsewhere] = known;
    if (here.length === 0) return elsewhere === undefined ? undefined : { kind: 'elsewhere', found: elsewhere };
    const { literals, operator } = asked;
    const [literal] = literals;
    const [found] = here;
    if (literal === undefined || found === undefined) return undefined;
    if (here.some(({ type }) => literals.some(one => isComparable(type, one)))) return undefined;
    return { kind: 'other-type', found, literal: operator === '=' ? rewritten(literal, found.type) : undefined };
  }

  /** What has attributes of some names, those of most spans first. */
  async #attributesNamed(names: readonly string[]): Promise<readonly KnownAttribute[] | undefined> {
    const wanted = `(SELECT attribute_id, key.name, type FROM attribute JOIN key USING (key_id) WHERE key.name IN (${names.map(sqlText).join(', ')}) AND type <> ${ValueType.empty}) a`;
    const ids = (table: string, columns: string) =>
      `SELECT ${columns}, unnest(attribute_ids) AS attribute_id FROM ${table}`;
    const counted = (scope: string, spans: string, from: string) =>
      `SELECT '${scope}' AS scope, a.name, a.type, ${spans} AS spans FROM (${from}) JOIN ${wanted} USING (attribute_id) GROUP BY ALL`;
    const parts = [
      counted('span', 'count(*)', ids('span', 'span_no')),
      counted(
        'resource',
        'sum(n)',
        `SELECT * FROM (${ids('resource', 'resource_id')}) JOIN (SELECT resource_id, count(*) AS n FROM span GROUP BY ALL) USING (resource_id)`,
      ),
      counted(
        'instrumentation',
        'sum(n)',
        `SELECT * FROM (${ids('scope', 'scope_id')}) JOIN (SELECT scope_id, count(*) AS n FROM span JOIN operation USING (operation_id) GROUP BY ALL) USING (scope_id)`,
      ),
      counted('event', 'count(DISTINCT span_no)', ids('event', 'span_no')),
      counted('link', 'count(DISTINCT span_no)', ids('link', 'span_no')),
    ];
    const rows = await this.#rows(
      `SELECT scope, name, type, spans::BIGINT AS spans FROM (${parts.join(' UNION ALL ')}) ORDER BY spans DESC, scope DESC, name, type`,
    );
    return rows?.flatMap(({ scope, name, type, spans }) => {
      const place = PLACES.find(known => known === scope);
      const word = VALUE_TYPE_WORDS[Number(type)];
      if (place === undefined || word === undefined) return [];
      return [{ scope: place, name: String(name), type: word, spanCount: Number(spans) }];
    });
  }

  /** How many spans have a text for which a test holds. */
  async #spansWith(field: Field, base: string, test: (value: string) => string): Promise<number> {
    const { key, from } = keysOf(field, base);
    const rows = await this.#rows(
      `SELECT count(*) AS spans FROM (SELECT ${key} AS key FROM ${from}) WHERE key[1] = 's' AND ${test('key[2:]')}`,
    );
    return Number(rows?.[0]?.spans ?? 0);
  }

  /** Values that are spelled alike: of the spans that fulfil conditions, else of any. None where a span has the very value. */
  async #alikeValues(
    field: Field,
    wanted: string,
    base: string,
    fulfilled: readonly FieldExpression[],
  ): Promise<readonly CountedValue[]> {
    const { key, from } = keysOf(field, base, fulfilled);
    const text = sqlText(wanted.toLowerCase());
    const value = 'lower(key[2:])';
    // No more than a first choice, which `mostAlike` looks through.
    const closeness = `least(CASE WHEN contains(${value}, ${text}) OR contains(${text}, ${value}) THEN 4 ELSE 1000 END, CASE WHEN length(key) > 100 THEN 1000 ELSE damerau_levenshtein(${value}, ${text}) END)`;
    const rows =
      (await this.#rows(
        `SELECT key, count(*) AS spans FROM (SELECT ${key} AS key FROM ${from}) WHERE key[1] = 's' AND length(key) > 1 GROUP BY key ORDER BY key[2:] = ${sqlText(wanted)} DESC, ${closeness}, spans DESC, key LIMIT 20`,
      )) ?? [];
    const values = rows.map(row => ({ key: String(row.key), spanCount: Number(row.spans) }));
    const texts = values.map(({ key: of }) => of.slice(1));
    if (texts.includes(wanted)) return [];
    const alike = mostAlike(wanted, texts)
      .flatMap(index => values[index] ?? [])
      .slice(0, SHOWN - 1);
    return alike.length > 0 || fulfilled.length === 0 ? alike : this.#alikeValues(field, wanted, base, []);
  }

  async #values(
    field: Field,
    fulfilled: readonly FieldExpression[],
    base: string,
    isOfNearest: boolean,
  ): Promise<Finding | undefined> {
    const { key, from } = keysOf(field, base, fulfilled);
    const rows = await this.#rows(
      `SELECT key, count(*) AS spans FROM (SELECT ${key} AS key FROM ${from}) WHERE key <> 'n' GROUP BY key ORDER BY spans DESC, key LIMIT ${SHOWN}`,
    );
    const values = (rows ?? []).map(row => ({ key: String(row.key), spanCount: Number(row.spans) }));
    return values.length === 0 ? undefined : { kind: 'values', values, isOfNearest };
  }

  async #range(
    field: Field,
    fulfilled: readonly FieldExpression[],
    base: string,
    isOfNearest: boolean,
  ): Promise<Finding | undefined> {
    const scope = new Scope(base, undefined);
    const { int = 'NULL', float = 'NULL' } = valueSql(field, scope);
    const where = fulfilled.map(operand => conditionSql(operand, scope));
    const [row] =
      (await this.#rows(
        `SELECT min(${int})::BIGINT AS least_int, max(${int})::BIGINT AS most_int, min(${float})::DOUBLE AS least, max(${float})::DOUBLE AS most FROM ${scope.from} WHERE ${where.length === 0 ? 'true' : where.join(' AND ')}`,
      )) ?? [];
    const numbers = [row?.least_int, row?.most_int, row?.least, row?.most].filter(
      value => typeof value === 'bigint' || typeof value === 'number',
    );
    const sorted = numbers.toSorted((a, b) => (a < b ? -1 : 1));
    const [least] = sorted;
    const most = sorted.at(-1);
    return least === undefined || most === undefined ? undefined : { kind: 'range', least, most, isOfNearest };
  }
}

/** The first value of a field, as a key, of the spans of `base` for which conditions hold. */
function keysOf(
  field: Field,
  base: string,
  conditions: readonly FieldExpression[] = [],
): { key: string; from: string } {
  const scope = new Scope(base, undefined);
  const key = firstKey(field, scope);
  const where = conditions.map(condition => conditionSql(condition, scope));
  return { key, from: where.length === 0 ? scope.from : `${scope.from} WHERE ${where.join(' AND ')}` };
}

/** What a condition asks of one field. */
interface Asked {
  readonly field: Field;
  /** Where its attribute has several names: all of them. */
  readonly spellings: readonly Attribute[];
  readonly operator: Binary['operator'] | undefined;
  /** None where it is asked whether the field is there; several where any of them will do. */
  readonly literals: readonly Literal[];
}

/** A comparison of a field with a literal or with several of them, or whether it is there. */
function askedOf(condition: FieldExpression): Asked | undefined {
  switch (condition.kind) {
    case 'attribute':
      return { field: condition, spellings: [], operator: undefined, literals: [] };
    case 'exists':
      return condition.isNegated ? undefined : askedOf(condition.operand);
    case 'logical':
      return condition.operator === '||'
        ? asOne(condition.operands.map(operand => askedOf(unguarded(operand))))
        : undefined;
    case 'binary': {
      const { left, right, operator } = condition;
      if (!isComparison(operator)) return undefined;
      if (isField(left) && right.kind === 'literal') return { field: left, spellings: [], operator, literals: [right] };
      return isField(right) && left.kind === 'literal'
        ? { field: right, spellings: [], operator, literals: [left] }
        : undefined;
    }
    default:
      return undefined;
  }
}

/** Alternatives about one field, or about spellings of one attribute, as one question. */
function asOne(alternatives: readonly (Asked | undefined)[]): Asked | undefined {
  const all = alternatives.flatMap(asked => asked ?? []);
  const [first] = all;
  if (first === undefined || all.length < alternatives.length) return undefined;
  if (!all.every(({ operator }) => operator === first.operator)) return undefined;
  const name = printExpression(first.field);
  const literals = all.flatMap(asked => asked.literals);
  if (all.every(({ field }) => printExpression(field) === name)) return { ...first, literals };
  const spellings = all.flatMap(({ field }) => (field.kind === 'attribute' ? field : []));
  const names = spellingsOf(spellings[0]?.name ?? '');
  return spellings.every(field => names.includes(field.name)) ? { ...first, spellings, literals } : undefined;
}

/** What holds for a spelling where the ones before it are missing, without saying that they are. */
function unguarded(condition: FieldExpression): FieldExpression {
  if (condition.kind !== 'logical' || condition.operator !== '&&') return condition;
  const guards = condition.operands.slice(0, -1);
  const isGuarded = guards.every(guard => guard.kind === 'exists' && guard.isNegated);
  return (isGuarded ? condition.operands.at(-1) : undefined) ?? condition;
}

function isField(expression: FieldExpression): expression is Field {
  return expression.kind === 'attribute' || expression.kind === 'intrinsic';
}

function isOfDuration(expression: FieldExpression | undefined): boolean {
  return expression !== undefined && /\b[dD]uration$|timeSinceStart$/.test(printExpression(expression));
}

const OWN: readonly string[] = ['span', 'resource'];
const PLACES = ['span', 'resource', 'instrumentation', 'event', 'link'] as const;

/** Types whose values can be compared with a literal; of an array its items. */
const COMPARABLE: Readonly<Record<Literal['type'], readonly KnownAttribute['type'][]>> = {
  string: ['string', 'bytes', 'map', 'array'],
  int: ['int', 'double', 'array'],
  float: ['int', 'double', 'array'],
  duration: ['int', 'double', 'array'],
  bool: ['bool', 'array'],
  status: [],
  kind: [],
};

function isComparable(type: KnownAttribute['type'], literal: Literal): boolean {
  return COMPARABLE[literal.type].includes(type);
}

/** A literal as one of another type, as it is written; undefined where it is none. */
function rewritten(literal: Literal, type: KnownAttribute['type']): string | undefined {
  const text = String(literal.value);
  switch (type) {
    case 'string':
      return printExpression({ kind: 'literal', type: 'string', value: text, from: 0, to: 0 });
    case 'int':
    case 'double':
      return /^-?\d+(\.\d+)?$/.test(text) ? text : undefined;
    case 'bool':
      return text === 'true' || text === 'false' ? text : undefined;
    default:
      return undefined;
  }
}

/** Operators that ask for a little less, or for the other direction. */
function alternativesOf(operator: StructuralOperator): readonly StructuralOperator[] {
  switch (operator) {
    case '>':
      return ['>>', '<'];
    case '<':
      return ['<<', '>'];
    case '>>':
      return ['<<'];
    case '<<':
      return ['>>'];
    case '&>':
      return ['&>>', '&<'];
    case '&<':
      return ['&<<', '&>'];
    case '&>>':
      return ['&<<'];
    case '&<<':
      return ['&>>'];
    default:
      return [];
  }
}
