import { ToldError } from '../errors.ts';
import { DEFAULT_LIMITS } from '../formats/format.ts';
import { FORMATS } from '../formats/index.ts';
import { REASONS, type Reason, textOfReason } from '../formats/reasons.ts';
import type { SourceAccount } from '../ingest/account.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../ingest/compression.ts';
import { type DecodeObserver, SourceDecoder } from '../ingest/decoding.ts';
import { isPlainText } from '../ingest/head.ts';
import { findSources, type Source, shownName } from '../ingest/source.ts';
import { HINT_FORMATS } from '../ingest/unreadable.ts';
import type { Block, Field } from '../report/report.ts';
import { formatCount, plural } from '../terminal/format.ts';
import { sanitize } from '../terminal/sanitize.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { MAP, MAX_COMPRESSION_RATIO, MAX_RECORD_SIZE, OUTPUT_OPTIONS, QUIET } from './options.ts';

/** What was found in a source: one stretch of documents that are alike, in the order of the source. */
interface Stretch {
  readonly source: string;
  /** Name of the format; undefined for what gave no span. */
  readonly format: string | undefined;
  /** Why nothing was read of it; undefined also where nothing in the source is anything that is read. */
  readonly reason: Reason | undefined;
  /** What was taken off around it, the outermost first, separated by commas. */
  readonly inside: string;
  documents: number;
  spans: number;
  /** First byte of the first one, where it is known. */
  readonly offset: number | undefined;
  /** What it was recognised by, or what is wrong with the first one. */
  readonly because: string;
}

const FORMAT_FIELDS: readonly Field[] = [
  { name: 'name', type: 'text' },
  { name: 'title', type: 'text' },
  { name: 'recognised', type: 'text' },
];
const FOUND_FIELDS: readonly Field[] = [
  { name: 'source', type: 'text' },
  { name: 'format', type: 'text' },
  { name: 'reason', type: 'text' },
  { name: 'documents', type: 'count' },
  { name: 'spans', type: 'count' },
  { name: 'offset', type: 'integer' },
  { name: 'because', type: 'text' },
  { name: 'inside', type: 'text' },
];
/** Bytes of which it is said how a source begins. */
const HEAD_SHOWN = 60;
/** Stretches that are listed of one source; a file that changes more often says nothing new. */
const MOST_STRETCHES = 1000;

export const command: Command = {
  usage: '[source...]',
  description:
    'Lists the formats that are read. With sources it says what each of them is and why, document by document: which format was recognised, and what gave no spans.',
  examples: [
    ['tailspan formats', 'all formats, and what they are recognised by'],
    ['tailspan formats traces.jsonl', 'what is in this file'],
    ['tailspan formats dumps/ --json', 'what is in all files of a folder, as JSON'],
  ],
  options: [MAP, MAX_RECORD_SIZE, MAX_COMPRESSION_RATIO, QUIET, ...OUTPUT_OPTIONS],

  async run(context) {
    const { sources: names } = readArguments(context.args, false);
    if (names.length === 0) {
      const rows = FORMATS.map(({ name, title, recognised }) => ({ name, title, recognised }));
      return {
        data: { formats: rows },
        records: { name: 'formats', fields: FORMAT_FIELDS, rows },
        blocks: () => [
          {
            kind: 'pairs',
            pairs: rows.map(({ name, title, recognised }) => [name, [styled(`${title}: `), styled(recognised, 'dim')]]),
          },
        ],
        isList: true,
      };
    }
    const { sources, problems } = await findSources(names);
    for (const { name, message, hint } of problems) await context.complain(`${name} ${message}`, hint);
    if (sources.length === 0) throw new ToldError();
    const found: Stretch[] = [];
    for (const source of sources) {
      context.signal.throwIfAborted();
      const { stretches, accounts } = await lookInto(source, {
        recordBytes: context.get(MAX_RECORD_SIZE) ?? DEFAULT_LIMITS.recordBytes,
        ratio: context.get(MAX_COMPRESSION_RATIO) ?? DEFAULT_COMPRESSION_LIMITS.ratio,
        columnMap: context.get(MAP),
      });
      found.push(...stretches);
      for (const { source: name, fault } of accounts) {
        // What was seen is the answer itself.
        const hint = fault?.hint === HINT_FORMATS ? undefined : fault?.hint;
        if (fault !== undefined) await context.complain(`${shownName(name)} ${fault.message}`, hint);
      }
    }
    return {
      data: { sources: sources.map(({ name }) => name), found },
      records: { name: 'found', fields: FOUND_FIELDS, rows: found },
      blocks: screen => (found.length === 0 ? [] : [foundTable(found, screen)]),
      isList: true,
    };
  },
};

interface Looking {
  readonly recordBytes: number;
  readonly ratio: number;
  readonly columnMap: ReturnType<typeof MAP.parse & {}> | undefined;
}

/** Decodes a source and keeps nothing of it but what it was. */
async function lookInto(
  source: Source,
  { recordBytes, ratio, columnMap }: Looking,
): Promise<{ stretches: readonly Stretch[]; accounts: SourceAccount[] }> {
  const accounts: SourceAccount[] = [];
  const observer = new Observer(() => decoder.writer.spanCount);
  const decoder: SourceDecoder = new SourceDecoder(
    { producer: 0, firstValueId: 1, onBatch: () => {} },
    { limits: { recordBytes }, compression: { ...DEFAULT_COMPRESSION_LIMITS, ratio }, columnMap, observer },
  );
  accounts.push(await decoder.decode(source, undefined, undefined, async account => void accounts.push(account)));
  observer.end();
  return { stretches: observer.stretches, accounts };
}

/** Makes stretches of what a decoder reports. */
class Observer implements DecodeObserver {
  readonly stretches: Stretch[] = [];
  readonly #spanCount: () => number;
  #source = '';
  #layers = new Set<string>();
  #head: Uint8Array = new Uint8Array(0);
  /** Spans of the documents told so far. */
  #spans = 0;
  /** The first stretch of the source in hand, and the first one behind its last document. */
  #first = 0;
  #behindDocument = 0;

  constructor(spanCount: () => number) {
    this.#spanCount = spanCount;
  }

  source(name: string): void {
    this.end();
    this.#source = name;
    this.#layers = new Set();
    this.#head = new Uint8Array(0);
    this.#first = this.#behindDocument = this.stretches.length;
  }

  layer(what: string): void {
    this.#layers.add(what);
  }

  head(bytes: Uint8Array): void {
    this.#head = bytes.slice(0, HEAD_SHOWN);
  }

  document(name: string): void {
    const last = this.stretches.at(-1);
    const spans = this.#spanCount() - this.#spans;
    this.#spans += spans;
    if (
      last?.format === name &&
      this.#behindDocument === this.stretches.length &&
      this.#first < this.stretches.length
    ) {
      last.documents++;
      last.spans += spans;
    } else this.#add({ format: name, spans, because: FORMATS.find(format => format.name === name)?.recognised ?? '' });
    this.#behindDocument = this.stretches.length;
  }

  skip(reason: Reason, offset: number, detail: string): void {
    const known = this.stretches.slice(this.#behindDocument).find(stretch => stretch.reason === reason);
    if (known === undefined) this.#add({ reason, offset, because: detail });
    else known.documents++;
  }

  repair(): void {}

  /** Ends a source: of one in which nothing was found it is said how it begins. */
  end(): void {
    if (this.stretches.length > this.#first || this.#head.length === 0) return;
    this.#add({ documents: 0, offset: 0, because: `begins with ${beginning(this.#head)}` });
  }

  #add({
    format,
    reason,
    documents = 1,
    spans = 0,
    offset,
    because,
  }: Partial<Stretch> & Pick<Stretch, 'because'>): void {
    if (this.stretches.length >= MOST_STRETCHES) return;
    const inside = [...this.#layers].join(', ');
    this.stretches.push({ source: this.#source, format, reason, inside, documents, spans, offset, because });
  }
}

/** How bytes begin: the first line of a text, else the first bytes. */
function beginning(head: Uint8Array): string {
  const bytes = Buffer.from(head);
  if (!isPlainText(head))
    return bytes
      .subarray(0, 16)
      .toString('hex')
      .replaceAll(/(..)(?=.)/g, '$1 ');
  return JSON.stringify(bytes.toString('utf8').trimStart().split(/\r?\n/)[0] ?? '');
}

function foundTable(found: readonly Stretch[], screen: Screen): Block {
  const several = new Set(found.map(({ source }) => source)).size > 1;
  const rows = found.map(({ source, format, reason, inside, documents, spans, offset, because }): Line[] => {
    const title = FORMATS.find(({ name }) => name === format)?.title;
    const text = reason === undefined ? (title ?? 'nothing that is read') : textOfReason(reason, documents);
    const at = reason === undefined || offset === undefined ? '' : `byte ${formatCount(offset)}`;
    const why = [inside === '' ? '' : `in ${inside}`, at, because].filter(part => part !== '').join(': ');
    return [
      ...(several ? [[styled(sanitize(source, screen.unicode), 'dim')]] : []),
      [styled(formatCount(documents))],
      [
        reason === undefined
          ? styled(text, 'bold')
          : styled(text, REASONS[reason].severity === 'lost' ? 'warning' : 'dim'),
      ],
      [styled(spans === 0 ? '' : plural(spans, 'span'))],
      [styled(sanitize(why, screen.unicode), 'dim')],
    ];
  });
  return {
    kind: 'table',
    columns: [
      ...(several ? [{ title: 'SOURCE', least: 16 }] : []),
      { title: 'DOCUMENTS', align: 'right' },
      { title: 'WHAT', least: 16 },
      { title: 'SPANS', align: 'right' },
      { title: 'WHY', least: 20 },
    ],
    rows,
  };
}
