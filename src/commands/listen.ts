import { UserError } from '../errors.ts';
import { lostRecords } from '../ingest/account.ts';
import { describeAccount } from '../ingest/describe-account.ts';
import type { ReceiverCounts } from '../receive/intake.ts';
import type { SessionEnd } from '../receive/session.ts';
import type { Block, Field } from '../report/report.ts';
import type { TableColumn } from '../terminal/columns.ts';
import { formatCount, plural } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { createProgress } from '../terminal/progress.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, type Style, styled } from '../terminal/styled.ts';
import type { Command } from './command.ts';
import { openForWriting } from './data.ts';
import { dumpOf } from './dump-file.ts';
import { DUMP, dumpPlace, removeKept } from './dump-place.ts';
import { ENDING_OPTIONS, Ending, type StoppedBy } from './ending.ts';
import { DB, DEBUG, MEMORY, NO_PROGRESS, OUTPUT, OUTPUT_OPTIONS, QUIET, STRICT } from './options.ts';
import { writeFile } from './output-file.ts';
import { RECEIVING_OPTIONS, RETENTION_OPTIONS, type Receiving, startReceiving } from './receiving.ts';
import { shellWord } from './shell.ts';
import { summarise } from './summary.ts';
import { UNTIL, Until } from './until.ts';

const FIELDS: readonly Field[] = [
  { name: 'name', type: 'text', title: 'receiver' },
  { name: 'endpoint', type: 'text' },
  { name: 'requests', type: 'count' },
  { name: 'spans', type: 'count' },
  { name: 'lost', type: 'count' },
  { name: 'refused', type: 'count' },
  { name: 'dropped', type: 'count' },
  { name: 'putOff', type: 'count', title: 'put off' },
];

export const command: Command = {
  usage: '',
  description:
    'Receives traces on the ports that SDKs and collectors send to, stores them in a database, and stops: after a time, when nothing more comes, or on Ctrl-C. A request is acknowledged once it is on the disk: what was acknowledged outlasts a crash of this process or of the machine (but for --fast, and for a database in memory).',
  examples: [
    ['tailspan listen --for 30s', 'receive for half a minute into the default database'],
    ['tailspan listen --until-idle 5s --db run.duckdb', 'receive what one run of a program sends'],
    ["tailspan listen --until '{ status = error }' -o failed.jsonl", 'until something fails, into a dump'],
    ['tailspan listen --zipkin --jaeger --keep 7d', "for Zipkin's and Jaeger's clients, too, a week of it"],
  ],
  options: [
    ...ENDING_OPTIONS,
    UNTIL,
    DB,
    DUMP,
    ...RECEIVING_OPTIONS,
    ...RETENTION_OPTIONS,
    STRICT,
    MEMORY,
    QUIET,
    NO_PROGRESS,
    DEBUG,
    ...OUTPUT_OPTIONS.filter(option => option !== OUTPUT),
  ],

  async run(context) {
    const [surplus] = context.args;
    if (surplus !== undefined) {
      throw new UserError(`listen takes no arguments, not '${surplus}'`, {
        hint: 'a dump is loaded with tailspan load; the database is named with --db',
      });
    }
    const dump = dumpPlace(context);
    const store = await openForWriting(context, dump?.database);
    let receiving: Receiving | undefined;
    let isWritten = false;
    try {
      const progress = createProgress(context.screen, context.get(NO_PROGRESS) !== true && context.get(QUIET) !== true);
      using ending = new Ending(context);
      await using until = await Until.open(context, store, ending);
      receiving = await startReceiving(context, store, {
        onBatch: batch => ending.onBatch(batch),
        onCommit: commit => until?.onCommit(commit),
        onReceived: received => {
          const { bytes, spans } = received.account;
          progress.update('the network', bytes, undefined, plural(spans, 'span'));
          ending.onReceived(received);
        },
      });
      let stoppedBy: StoppedBy;
      let end: SessionEnd;
      try {
        stoppedBy = await Promise.race([ending.reached, receiving.failed]);
        end = await receiving.stop();
      } catch (error) {
        // What went wrong first is what is told.
        await receiving.abort().catch(() => {});
        throw error;
      } finally {
        progress.stop();
      }
      const { account, counts, result, firstSpanNo } = end;
      await context.say(describeAccount('received', [{ account, result }], result.traces));
      if (context.get(STRICT) === true && lostRecords(account) > 0) {
        await context.complain(
          `${plural(lostRecords(account), 'record')} could not be read (--strict)`,
          'tailspan listen --json says which',
        );
      }
      if (dump !== undefined) await writeFile(dump.file, dumpOf(store.database, firstSpanNo));
      isWritten = true;
      const rows = receiving.receivers.map(({ name, endpoint }) => ({
        name,
        endpoint,
        ...(counts.get(name) ?? NO_COUNTS),
      }));
      await store.database.setThreads(SUMMARY_THREADS);
      const page = await summarise(
        store.database,
        { spans: `s.span_no >= ${firstSpanNo}`, traces: table => `${table}.first_span_no >= ${firstSpanNo}` },
        LISTED_TRACES,
      );
      const from = dump?.file ?? store.database.path;
      return {
        data: {
          database: dump?.database === undefined ? store.database.path : undefined,
          file: dump?.file,
          receivers: rows,
          spans: result.spans,
          traces: result.traces,
          duplicates: result.duplicates,
          skipped: account.skipped,
          repaired: account.repaired,
          stoppedBy,
          summary: page.data,
        },
        records: { name: 'receivers', fields: FIELDS, rows },
        blocks: screen => [
          receiverTable(rows, screen),
          { kind: 'lines', lines: [[]] },
          ...page.blocks(screen),
          ...page.nextSteps(dump === undefined ? ` --db ${shellWord(from)}` : ` ${shellWord(from)}`, screen),
        ],
      };
    } finally {
      await receiving?.close();
      store.close();
      // What could not be written out is not to be lost.
      if (dump !== undefined && isWritten) removeKept(dump);
    }
  },
};

/** What is appended takes one thread; what is asked at the end, both cores of a small machine. */
const SUMMARY_THREADS = 4;
/** Traces in each list of the closing summary. */
const LISTED_TRACES = 5;

const NO_COUNTS: ReceiverCounts = { requests: 0, spans: 0, lost: 0, refused: 0, dropped: 0, putOff: 0 };

type ReceiverRow = { readonly name: string; readonly endpoint: string } & Readonly<ReceiverCounts>;

/** A line a receiver; what went wrong only where something did. */
function receiverTable(rows: readonly ReceiverRow[], screen: Screen): Block {
  const { dot } = glyphs(screen.unicode);
  const columnOf = (title: string, key: keyof ReceiverCounts, ...styles: Style[]) => ({
    column: { title, align: 'right' } as const,
    cell: (row: ReceiverRow): Line =>
      row[key] === 0 ? [styled(dot, 'dim')] : [styled(formatCount(row[key]), ...styles)],
    isNeeded: rows.some(row => row[key] > 0),
  });
  const columns: readonly { column: TableColumn; cell: (row: ReceiverRow) => Line; isNeeded: boolean }[] = [
    { column: { title: 'RECEIVER' }, cell: ({ name }) => [styled(name)], isNeeded: true },
    { column: { title: 'ENDPOINT', least: 16 }, cell: ({ endpoint }) => [styled(endpoint, 'dim')], isNeeded: true },
    { ...columnOf('REQUESTS', 'requests'), isNeeded: true },
    { ...columnOf('SPANS', 'spans'), isNeeded: true },
    columnOf('LOST', 'lost', 'warning'),
    columnOf('REFUSED', 'refused', 'warning'),
    columnOf('DROPPED', 'dropped'),
    columnOf('PUT OFF', 'putOff'),
  ];
  const shown = columns.filter(({ isNeeded }) => isNeeded);
  return {
    kind: 'table',
    columns: shown.map(({ column }) => column),
    rows: rows.map(row => shown.map(({ cell }) => cell(row))),
  };
}
