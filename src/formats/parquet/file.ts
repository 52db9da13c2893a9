import type { AsyncBuffer, Compressors, FileMetaData, ParquetParsers, SchemaTree } from 'hyparquet';
import type { RandomAccess } from '../format.ts';

// A Parquet file, row group by row group, with values that lose nothing: times are text to the nanosecond, 64-bit
// integers exact, bytes bytes. The library is loaded when the first such file comes: hardly any data is one.

export interface ParquetFile {
  /** Names of the columns, outermost only. */
  readonly columns: readonly string[];
  readonly groups: readonly RowGroup[];
}

export interface RowGroup {
  /** Where its first column begins. */
  readonly offset: number;
  /** The larger of its size, uncompressed, and of what its values take at least. */
  readonly bytes: number;
  /** Reads its rows, with these columns of them, or all. */
  read(columns?: readonly string[]): Promise<readonly ParquetRow[]>;
}

/** Values by column: texts, numbers, `bigint`s, booleans, bytes, `undefined` or `null`, and arrays and objects of them. */
export type ParquetRow = { readonly [column: string]: unknown };

/** Bytes that a value takes in memory at least, however many of them a run stands for in the file. */
const VALUE_BYTES = 8;
const FOOTER = 8;

/** Reads the description of a file. Throws where it is broken, or where it is larger than `limit` bytes. */
export async function openParquet(source: RandomAccess, limit: number): Promise<ParquetFile> {
  const [{ parquetMetadataAsync, parquetReadObjects, parquetSchema }, { compressors }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet-compressors'),
  ]);
  const footer = await source.read(source.size - FOOTER, source.size);
  const length = Buffer.from(footer).readUInt32LE(0);
  if (length > source.size - FOOTER) throw new Error('its description begins before the file does');
  if (length > limit) throw new Error(`its description has ${length} bytes`);
  const file = asyncBufferOf(source);
  const metadata = await parquetMetadataAsync(file, { parsers: PARSERS, geoparquet: false });
  const schema = parquetSchema(metadata);
  // The library's types promise names, whatever the file has.
  if (schema.children.some(({ element }) => typeof element.name !== 'string'))
    throw new Error('a column without a name');
  const integers = new Set(schema.children.filter(isInt32).map(({ element }) => element.name));
  let rowStart = 0;
  const groups = metadata.row_groups.map(group => {
    const start = rowStart;
    const end = start + Number(group.num_rows);
    rowStart = end;
    return {
      offset: offsetOf(group),
      bytes: Math.max(Number(group.total_byte_size), ...group.columns.map(valueBytes), (end - start) * VALUE_BYTES),
      read: async (columns?: readonly string[]) => {
        checkColumns(group, schema);
        const rows: readonly ParquetRow[] = await parquetReadObjects({
          file,
          metadata,
          rowStart: start,
          rowEnd: end,
          compressors: bounded(compressors, limit),
          parsers: PARSERS,
          // Bytes are text only where the file says so: ids are bytes.
          utf8: false,
          geoparquet: false,
          ...(columns === undefined ? {} : { columns: [...columns] }),
        });
        return integers.size === 0 ? rows : rows.map(row => withIntegers(row, integers));
      },
    };
  });
  return { columns: schema.children.map(({ element }) => element.name), groups };
}

type Group = FileMetaData['row_groups'][number];

/**
 * Throws where a column of a row group is not one of the schema, or stands there twice: the library gives up at such a column while others
 * are being read, and what is wrong with those would end the program, for nobody waits for them.
 */
function checkColumns({ columns }: Group, schema: SchemaTree): void {
  const seen = new Set<string>();
  for (const { meta_data: column } of columns) {
    const path = column?.path_in_schema ?? [];
    let node: SchemaTree | undefined = schema;
    for (const part of path) node = node?.children.find(({ element }) => element.name === part);
    const name = path.join('.');
    if (node === undefined || node.children.length > 0)
      throw new Error(`a column ${name} that its schema does not have`);
    if (seen.has(name)) throw new Error(`a column ${name} that is there twice`);
    seen.add(name);
  }
}

function offsetOf({ columns: [first] }: Group): number {
  const { dictionary_page_offset: dictionary, data_page_offset: data } = first?.meta_data ?? {};
  return Number(dictionary ?? data ?? 0);
}

function valueBytes({ meta_data: column }: Group['columns'][number]): number {
  return Number(column?.num_values ?? 0) * VALUE_BYTES;
}

/** Decompression that stops where a page claims to be larger than a row group may be. */
function bounded(compressors: Compressors, limit: number): Compressors {
  return Object.fromEntries(
    Object.entries(compressors).map(([codec, decompress]) => [
      codec,
      (input: Uint8Array, length: number) => {
        if (length > limit) throw new Error(`a page of ${length} bytes`);
        return decompress(input, length);
      },
    ]),
  );
}

function asyncBufferOf(source: RandomAccess): AsyncBuffer {
  return {
    byteLength: source.size,
    slice: async (from, to = source.size) => {
      const bytes = await source.read(from, to);
      const copy = new ArrayBuffer(bytes.length);
      new Uint8Array(copy).set(bytes);
      return copy;
    },
  };
}

/** 32-bit integers come as numbers, as doubles do. */
function isInt32({ element: { type, converted_type: converted } }: SchemaTree): boolean {
  return type === 'INT32' && converted !== 'DECIMAL' && converted !== 'DATE';
}

function withIntegers(row: ParquetRow, integers: ReadonlySet<string>): ParquetRow {
  const whole: Record<string, unknown> = { ...row };
  for (const column of integers) {
    const value = whole[column];
    if (typeof value === 'number') whole[column] = BigInt(value);
  }
  return whole;
}

const decoder = new TextDecoder();

const PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: millis => textOfTime(BigInt(millis) * 1_000_000n),
  timestampFromMicroseconds: micros => textOfTime(BigInt(micros) * 1_000n),
  timestampFromNanoseconds: nanos => textOfTime(BigInt(nanos)),
  dateFromDays: days => textOfTime(BigInt(days) * 86_400_000_000_000n)?.slice(0, 10),
  // JSON stays text, so that its integers are read exactly by who needs them.
  jsonFromBytes: bytes => (bytes === undefined ? bytes : decoder.decode(bytes)),
};

/** RFC 3339 with nine digits; undefined beyond the years 0 to 9999. */
function textOfTime(nanos: bigint | null | undefined): string | undefined {
  if (nanos === undefined || nanos === null) return undefined;
  const fraction = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const date = new Date(Number((nanos - fraction) / 1_000_000n));
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 0 || date.getUTCFullYear() > 9999) return undefined;
  return date.toISOString().replace(/\.\d+Z$/, `.${String(fraction).padStart(9, '0')}Z`);
}
