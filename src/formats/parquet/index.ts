import { DraftWriter, type SpanDraft } from '../drafts/span-draft.ts';
import type { DecodeContext, FileDecoder, FileFormat, RandomAccess } from '../format.ts';
import { BadRecord } from '../json/cursor.ts';
import type { Reason } from '../reasons.ts';
import { isSpanTable, readerFor } from '../rows/row-reader.ts';
import { rowOfParquet } from './cells.ts';
import { openParquet, type ParquetFile, type ParquetRow } from './file.ts';
import { isTempoBlock, TEMPO_COLUMNS, tempoDrafts } from './tempo.ts';

// Parquet: tables of spans, a row a span, and the blocks of Grafana Tempo, a row a trace.
// https://parquet.apache.org/docs/file-format/
// A file is described at its end. It is read row group by row group, each held as a whole.

const MAGIC = [0x50, 0x41, 0x52, 0x31];

export const parquet: FileFormat = {
  name: 'parquet',
  title: 'Parquet tables of spans, and blocks of Grafana Tempo',
  family: 'file',
  recognised: '`PAR1`, and columns as in a CSV table, or `TraceID` and `rs`',
  sniff: head => MAGIC.every((byte, index) => head[index] === byte),
  open: context => new ParquetDecoder(context),
};

class ParquetDecoder implements FileDecoder {
  readonly #context: DecodeContext;
  readonly #drafts: DraftWriter;
  /** Where the row group in hand begins. */
  #offset = 0;

  constructor(context: DecodeContext) {
    this.#context = context;
    this.#drafts = new DraftWriter(context.writer, this.#repair);
  }

  readonly #repair = (reason: Reason, detail: string) => this.#context.report.repair(reason, this.#offset, detail);

  async decode(source: RandomAccess): Promise<void> {
    const { report, limits } = this.#context;
    const end = await source.read(Math.max(0, source.size - MAGIC.length), source.size);
    if (source.size < 12 || !parquet.sniff(end)) {
      report.skip('truncated', source.size, 'the description at the end of the Parquet file is not there');
      return;
    }
    let file: ParquetFile;
    try {
      file = await openParquet(source, limits.recordBytes);
    } catch (error) {
      report.skip('malformed-parquet', source.size - 8, messageOf(error));
      return;
    }
    const draftsOf = this.#draftsOf(file.columns);
    if (draftsOf === undefined) {
      report.skip('unread-format', 0, `a Parquet table with the columns ${file.columns.slice(0, 8).join(', ')}`);
      return;
    }
    const columns = this.#context.columnMap === undefined && isTempoBlock(file.columns) ? TEMPO_COLUMNS : undefined;
    for (const group of file.groups) {
      this.#offset = group.offset;
      if (group.bytes > limits.recordBytes) {
        report.skip('record-too-large', group.offset, `a row group of ${group.bytes} bytes`);
        continue;
      }
      let rows: readonly ParquetRow[];
      try {
        rows = await group.read(columns);
      } catch (error) {
        report.skip('malformed-parquet', group.offset, messageOf(error));
        continue;
      }
      for (const row of rows) for (const draft of draftsOf(row)) this.#write(draft);
    }
    report.document(parquet.name);
  }

  /** Returns how to read a row of a table with these columns; undefined where it is none of spans. */
  #draftsOf(columns: readonly string[]): ((row: ParquetRow) => Iterable<SpanDraft>) | undefined {
    const { columnMap } = this.#context;
    if (columnMap === undefined && isTempoBlock(columns)) return row => tempoDrafts(row, this.#repair);
    if (!isSpanTable(columns, columnMap)) return undefined;
    const read = readerFor(columns, columnMap, this.#repair);
    return row => [read(rowOfParquet(row))];
  }

  #write(draft: SpanDraft): void {
    try {
      this.#drafts.write(draft);
    } catch (error) {
      if (!(error instanceof BadRecord)) throw error;
      this.#context.report.skip(error.reason, this.#offset, error.message);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
