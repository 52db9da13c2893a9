import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { journalFolder } from '../../config/paths.ts';
import { shownName } from '../../ingest/source.ts';
import type { Block, Field } from '../../report/report.ts';
import {
  type AttributeSize,
  type Ingest,
  largestAttributes,
  type ReceiverCounters,
  readContents,
  readIngests,
  receiverCounters,
} from '../../store/contents.ts';
import { duckdbVersion } from '../../store/database.ts';
import { fileBytes, storageSize } from '../../store/storage-size.ts';
import { formatBytes, formatCount, formatTime } from '../../terminal/format.ts';
import { glyphs } from '../../terminal/glyphs.ts';
import { sanitize } from '../../terminal/sanitize.ts';
import type { Screen } from '../../terminal/screen.ts';
import { type Line, styled } from '../../terminal/styled.ts';
import { openData } from '../data.ts';
import { timeCovered } from '../time-range.ts';
import type { DatabaseTask } from './task.ts';

/** Keys of attributes that are listed. */
const ATTRIBUTES = 10;
/** Ingests that people are shown; JSON has all. */
const SHOWN_INGESTS = 10;

const FIELDS: readonly Field[] = [
  { name: 'key', type: 'text' },
  { name: 'bytes', type: 'count' },
  { name: 'valueCount', type: 'count', title: 'values' },
  { name: 'spanCount', type: 'count', title: 'spans' },
];

/** What a database holds, and what it takes. */
export const task: DatabaseTask = async context => {
  await using data = await openData(context, [], { isDatabase: true });
  const { database } = data;
  const size = await storageSize(database);
  const journalBytes = folderBytes(journalFolder(database.path));
  const contents = await readContents(database);
  const attributes = await largestAttributes(database, ATTRIBUTES);
  const ingests = await readIngests(database);
  const receivers = await receiverCounters(database);
  const bytesPerSpan =
    contents.spans === 0 ? undefined : Math.round((size.fileBytes - size.freeBytes) / contents.spans);
  const rows = attributes.map(({ key, bytes, values, spans }) => ({
    key,
    bytes,
    valueCount: values,
    spanCount: spans,
  }));
  return {
    data: {
      database: database.path,
      fileBytes: size.fileBytes,
      walBytes: size.walBytes,
      journalBytes,
      freeBytes: size.freeBytes,
      bytesPerSpan,
      spanCount: contents.spans,
      traceCount: contents.traces,
      serviceCount: contents.services,
      startTimeUnixNano: contents.startTimeUnixNano,
      endTimeUnixNano: contents.endTimeUnixNano,
      databaseSchemaVersion: contents.schemaVersion,
      duckdbVersion: duckdbVersion(),
      attributes: rows,
      ingests,
      receivers,
    },
    records: { name: 'attributes', fields: FIELDS, rows },
    blocks: screen => [
      {
        kind: 'pairs',
        pairs: [
          ['database', [styled(sanitize(database.path, screen.unicode), 'bold')]],
          [
            'size',
            [
              styled(
                [
                  `${formatBytes(size.fileBytes)}, of which ${formatBytes(size.freeBytes)} are free`,
                  ...(size.walBytes === 0 ? [] : [`write-ahead log ${formatBytes(size.walBytes)}`]),
                  ...(journalBytes === 0 ? [] : [`journal of received spans ${formatBytes(journalBytes)}`]),
                ].join(', '),
              ),
            ],
          ],
          [
            'spans',
            [
              styled(formatCount(contents.spans)),
              styled(bytesPerSpan === undefined ? '' : `  ${formatCount(bytesPerSpan)} bytes each`, 'dim'),
            ],
          ],
          ['traces', [styled(formatCount(contents.traces))]],
          ['services', [styled(formatCount(contents.services))]],
          ['time', [styled(timeOf(contents.startTimeUnixNano, contents.endTimeUnixNano, screen))]],
          ['made with', [styled(`schema ${contents.schemaVersion}, DuckDB ${duckdbVersion()}`, 'dim')]],
        ],
      },
      ...attributeBlocks(attributes, screen),
      ...ingestBlocks(ingests, screen),
      ...receiverBlocks(receivers),
    ],
  };
};

function timeOf(start: bigint | undefined, end: bigint | undefined, screen: Screen): string {
  return start === undefined || end === undefined ? 'none: there are no spans' : timeCovered(start, end, screen);
}

function heading(text: string, detail = ''): Block {
  return { kind: 'heading', text: [styled(text, 'bold'), styled(detail === '' ? '' : `  ${detail}`, 'dim')] };
}

function attributeBlocks(attributes: readonly AttributeSize[], screen: Screen): Block[] {
  if (attributes.length === 0) return [];
  return [
    heading('largest attributes', 'bytes of their values, counted once a span; each value is stored once'),
    {
      kind: 'table',
      columns: [
        { title: 'ATTRIBUTE', least: 20 },
        { title: 'BYTES', align: 'right' },
        { title: 'VALUES', align: 'right' },
        { title: 'SPANS', align: 'right' },
      ],
      rows: attributes.map(({ key, bytes, values, spans }) => [
        [styled(sanitize(key, screen.unicode))],
        [styled(formatBytes(bytes))],
        [styled(formatCount(values))],
        [styled(formatCount(spans))],
      ]),
    },
  ];
}

function ingestBlocks(ingests: readonly Ingest[], screen: Screen): Block[] {
  if (ingests.length === 0) return [];
  const { dot } = glyphs(screen.unicode);
  const shown = ingests.slice(-SHOWN_INGESTS);
  const skipped = ({ skipped: reasons, fault }: Ingest): Line => {
    const parts = [
      ...reasons.map(({ reason, count }) => `${reason} ${formatCount(count)}`),
      ...(fault === undefined ? [] : [fault]),
    ];
    return parts.length === 0 ? [styled(dot, 'dim')] : [styled(sanitize(parts.join(', '), screen.unicode), 'warning')];
  };
  return [
    heading('loaded', shown.length < ingests.length ? `last ${shown.length} of ${formatCount(ingests.length)}` : ''),
    {
      kind: 'table',
      columns: [
        { title: 'SOURCE', least: 20, cutAt: 'start' },
        { title: 'FORMAT', expendable: 2 },
        { title: 'LOADED', expendable: 1 },
        { title: 'SPANS', align: 'right' },
        { title: 'TRACES', align: 'right' },
        { title: 'SKIPPED' },
      ],
      rows: shown.map(ingest => [
        [styled(sanitize(shownName(ingest.source), screen.unicode))],
        [styled(ingest.format ?? dot, 'dim')],
        [
          styled(
            ingest.loadedAtUnixNano === undefined
              ? dot
              : formatTime(ingest.loadedAtUnixNano, { utc: screen.utc, digits: 0, date: true }),
            'dim',
          ),
        ],
        [styled(formatCount(ingest.spans))],
        [styled(formatCount(ingest.traces))],
        skipped(ingest),
      ]),
    },
  ];
}

/** A line a receiver, a column a counter that any of them has. */
function receiverBlocks(receivers: ReceiverCounters | undefined): Block[] {
  const rows = Object.entries(receivers ?? {});
  if (rows.length === 0) return [];
  const names = [...new Set(rows.flatMap(([, counters]) => Object.keys(counters)))];
  return [
    heading('last received'),
    {
      kind: 'table',
      columns: [
        { title: 'RECEIVER' },
        ...names.map(name => ({
          title: name.replace(/[A-Z]/g, letter => ` ${letter}`).toUpperCase(),
          align: 'right' as const,
        })),
      ],
      rows: rows.map(([name, counters]) => [
        [styled(name)],
        ...names.map((counter): Line => [styled(formatCount(counters[counter] ?? 0))]),
      ]),
    },
  ];
}

/** Returns the bytes of the files in a folder; 0 where there is none. */
function folderBytes(folder: string): number {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return 0;
  }
  return names.reduce((sum, name) => sum + fileBytes(join(folder, name)), 0);
}
