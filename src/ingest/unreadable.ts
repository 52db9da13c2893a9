// What a source that is no trace dump probably is, so that the refusal can say it.

const MAGIC: readonly (readonly [string, readonly number[], number])[] = [
  ['a PNG image', [0x89, 0x50, 0x4e, 0x47], 0],
  ['a JPEG image', [0xff, 0xd8, 0xff], 0],
  ['a GIF image', [0x47, 0x49, 0x46, 0x38], 0],
  ['a PDF document', [0x25, 0x50, 0x44, 0x46], 0],
  ['a program (ELF)', [0x7f, 0x45, 0x4c, 0x46], 0],
  ['a Parquet file', [0x50, 0x41, 0x52, 0x31], 0],
  ['an SQLite database', [0x53, 0x51, 0x4c, 0x69, 0x74, 0x65], 0],
  ['a DuckDB database', [0x44, 0x55, 0x43, 0x4b], 8],
];

/** Compressed data that is not read, and the command that unpacks it. */
const PACKED: readonly (readonly [name: string, magic: readonly number[], command: string])[] = [
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a], 'xz -dc'],
  ['bzip2', [0x42, 0x5a, 0x68], 'bzip2 -dc'],
  ['lzip', [0x4c, 0x5a, 0x49, 0x50], 'lzip -dc'],
  ['compress', [0x1f, 0x9d], 'uncompress -c'],
  ['7-Zip', [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], '7z e -so'],
  ['RAR', [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07], 'unrar p -inul'],
];

/** Console output that shows spans but says too little of them: neither times nor parents. */
const POOR_OUTPUT: readonly (readonly [RegExp, Refusal])[] = [
  [
    // 'GET /' : a1fbefbeffb0c1d2e3f405162738495a fbefbe0000000001 SERVER [tracer: http:1.2.3] AttributesMap{data={…}, …}
    /'.*' : [0-9a-f]{32} [0-9a-f]{16} [A-Z]+ \[tracer: /,
    {
      message: "is the output of OpenTelemetry Java's LoggingSpanExporter, which prints neither times nor parents",
      hint: 'run the program with OTEL_TRACES_EXPORTER=logging-otlp (or otlp) instead of logging',
    },
  ],
  [
    // ResourceTraces #0 service.name=shop
    /^(?:.*\t)?ResourceTraces #\d+(?: |$)/m,
    {
      message:
        "is the output of the OpenTelemetry Collector's debug exporter without details, which has neither times nor parents",
      hint: 'set verbosity: detailed in the configuration of the debug exporter',
    },
  ],
];

const HINT_TABLE =
  'if its rows are spans, say which columns are what: --map trace_id=COLUMN,span_id=COLUMN,start=COLUMN,unit=ms';

/** The refusal of a source: a clause that follows its name, and what to do. */
export interface Refusal {
  readonly message: string;
  readonly hint: string;
}

/** What to do about a source that is not read. */
export const HINT_FORMATS = 'tailspan formats lists what is read, and tailspan formats FILE says what was seen';

/** Returns the refusal of console output that says too little of its spans; undefined where `head` is none. */
export function poorOutput(head: Uint8Array): Refusal | undefined {
  const output = Buffer.from(head).toString('utf8');
  return POOR_OUTPUT.find(([expression]) => expression.test(output))?.[1];
}

/** Returns the refusal of a source that begins with `head`; `whole` says that there is no more of it. */
export function refusalOf(head: Uint8Array, whole: boolean): Refusal {
  if (head.length === 0) return { message: 'is empty', hint: HINT_FORMATS };
  // A byte order mark says nothing but how the text behind it is written.
  const hasMark = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
  const isBlank = head.subarray(hasMark ? 3 : 0).every(byte => byte <= 32);
  if (isBlank)
    return { message: whole ? 'holds only white space' : 'begins with nothing but white space', hint: HINT_FORMATS };
  const has = (bytes: readonly number[], offset: number) => bytes.every((byte, index) => head[offset + index] === byte);
  for (const [name, magic, command] of PACKED) {
    if (!has(magic, 0)) continue;
    return {
      message: `is packed by ${name}, which is not read`,
      hint: `unpack it: ${command} FILE | tailspan summary`,
    };
  }
  for (const [what, bytes, offset] of MAGIC) {
    if (!has(bytes, offset)) continue;
    const hint = what === 'a DuckDB database' ? 'name a database with --db' : HINT_FORMATS;
    return { message: `is no trace dump but ${what}`, hint };
  }
  const text = Buffer.from(head.subarray(0, 4096)).toString('utf8');
  const isText = !head.subarray(0, 4096).some(byte => byte < 9 || (byte > 13 && byte < 32 && byte !== 27));
  if (!isText) return { message: 'is binary data in no format that is read', hint: HINT_FORMATS };
  const [first = '', second = ''] = text.split(/\r?\n/);
  if (/^\s*<(!doctype|html|\?xml)/i.test(text))
    return { message: 'is no trace dump but HTML or XML', hint: HINT_FORMATS };
  for (const [separator, name] of [
    [',', 'a CSV table'],
    ['\t', 'a table with tabs'],
  ] as const) {
    const columns = first.split(separator).length;
    if (columns > 2 && second.split(separator).length >= columns - 1) {
      return { message: `is no trace dump that is read but ${name}`, hint: HINT_TABLE };
    }
  }
  return { message: 'is text in no format that is read', hint: HINT_FORMATS };
}
