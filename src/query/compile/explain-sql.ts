// SQL that the compiler has written on one line, with lines and indentation for people: it means what it meant.

/** A token, or what stands in brackets. */
type Part = string | readonly Part[];

/** A query stays on one line up to this length. */
const LINE = 80;
const INDENT = '  ';

/** What may stand before `JOIN`. */
const JOINS = ['LEFT', 'CROSS', 'SEMI', 'ANTI'];
/** What begins a line of a query; `JOIN` where nothing of it stands before. */
const CLAUSES: ReadonlySet<string> = new Set(['SELECT', 'FROM', 'WHERE', 'GROUP', 'ORDER', 'LIMIT', 'UNION', ...JOINS]);

/** Returns a statement in lines, which are indented by what they are part of. */
export function formatSql(sql: string): string {
  return linesOf(partsOf(sql), '').join('\n');
}

function partsOf(sql: string): readonly Part[] {
  const whole: Part[] = [];
  const open: Part[][] = [whole];
  for (const [token] of sql.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|\s+|[^\s'"()]+/g)) {
    if (token === '(') open.push([]);
    else if (token === ')') {
      const closed = open.pop() ?? [];
      open.at(-1)?.push(closed);
    } else open.at(-1)?.push(/^\s/.test(token) ? ' ' : token);
  }
  return whole;
}

function inline(parts: readonly Part[]): string {
  return parts.map(part => (typeof part === 'string' ? part : `(${inline(part)})`)).join('');
}

function isQuery(parts: readonly Part[]): boolean {
  return parts[0] === 'SELECT' || parts[0] === 'WITH';
}

function hasQuery(parts: readonly Part[]): boolean {
  return isQuery(parts) || parts.some(part => typeof part !== 'string' && hasQuery(part));
}

/** The lines of a query, or of an expression that has queries in it. */
function linesOf(parts: readonly Part[], indent: string): string[] {
  const lines = [indent];
  const write = (text: string) => lines.push((lines.pop() ?? '') + text);
  const breakLine = () => {
    const last = (lines.pop() ?? '').trimEnd();
    lines.push(...(last === '' ? [] : [last]), indent);
  };
  const isBroken = hasQuery(parts) && indent.length + inline(parts).length > LINE;
  let before: string | undefined;
  let isRange = false;
  for (const part of parts) {
    if (typeof part === 'string') {
      const beginsLine = CLAUSES.has(part) || (part === 'JOIN' && !JOINS.includes(before ?? ''));
      if (isBroken && beginsLine && isQuery(parts)) breakLine();
      // BETWEEN has an AND of its own.
      const joins = part === 'OR' || (part === 'AND' && !isRange);
      if (isBroken && joins) breakLine();
      if (part === 'BETWEEN' || part === 'AND') isRange = part === 'BETWEEN';
      if (part !== ' ' || lines.at(-1) !== indent) write(part);
      // The queries of WITH stand one below the other.
      if (isBroken && parts[0] === 'WITH' && part === ',') breakLine();
      if (part !== ' ') before = part;
      continue;
    }
    before = undefined;
    // Brackets without a query in them are what a reader takes in at once, however long.
    if (hasQuery(part) && indent.length + inline(part).length > LINE) {
      write('(');
      lines.push(...linesOf(part, indent + INDENT), `${indent})`);
    } else write(`(${inline(part)})`);
  }
  return lines.map(line => line.trimEnd());
}
