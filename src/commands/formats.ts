import { ToldError } from '../errors.ts';
import { DEFAULT_LIMITS, REASONS, type Reason, textOfReason } from '../formats/format.ts';
import { FORMATS } from '../formats/index.ts';
import type { SourceAccount } from '../ingest/account.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../ingest/compression.ts';
import { SourceDecoder } from '../ingest/decoding.ts';
import { findSources, type Source } from '../ingest/source.ts';
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
  /** Why nothing was read of it. */
  readonly reason: Reason | undefined;
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
];
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
        if (fault !== undefined) await context.complain(`${name} ${fault.message}`, fault.hint);
      }
    }
    return {
      data: { sources: sources.map(({ name }) => name), found },
      records: { name: 'found', fields: FOUND_FIELDS, rows: found },
      blocks: screen => [foundTable(found, screen)],
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
): Promise<{ stretches: Stretch[]; accounts: SourceAccount[] }> {
  const stretches: Stretch[] = [];
  const accounts: SourceAccount[] = [];
  let spans = 0;
  const note = (
    format: string | undefined,
    reason: Reason | undefined,
    offset: number | undefined,
    because: string,
  ) => {
    const gained = decoder.writer.spanCount - spans;
    spans = decoder.writer.spanCount;
    const last = stretches[stretches.length - 1];
    if (last !== undefined && last.format === format && last.reason === reason) {
      last.documents++;
      last.spans += gained;
    } else if (stretches.length < MOST_STRETCHES) {
      stretches.push({ source: source.name, format, reason, documents: 1, spans: gained, offset, because });
    }
  };
  const decoder: SourceDecoder = new SourceDecoder(
    { producer: 0, firstValueId: 1, onBatch: () => {} },
    {
      limits: { recordBytes },
      compression: { ...DEFAULT_COMPRESSION_LIMITS, ratio },
      columnMap,
      observer: {
        document: name =>
          note(name, undefined, undefined, FORMATS.find(format => format.name === name)?.recognised ?? ''),
        skip: (reason, offset, detail) => note(undefined, reason, offset, detail),
        repair: () => {},
      },
    },
  );
  accounts.push(await decoder.decode(source, undefined, undefined, async account => void accounts.push(account)));
  return { stretches, accounts };
}

function foundTable(found: readonly Stretch[], screen: Screen): Block {
  const several = new Set(found.map(({ source }) => source)).size > 1;
  const rows = found.map(({ source, format, reason, documents, spans, offset, because }): Line[] => {
    const title = FORMATS.find(({ name }) => name === format)?.title;
    const text = reason === undefined ? (title ?? '') : textOfReason(reason, documents);
    const why =
      offset === undefined
        ? `recognised by ${because}`
        : `byte ${formatCount(offset)}${because === '' ? '' : `: ${because}`}`;
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
