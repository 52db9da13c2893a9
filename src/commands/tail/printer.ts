import { plain } from '../../report/plain.ts';
import { chosenFields, type Field, type Records, type Renderer } from '../../report/report.ts';
import type { Screen } from '../../terminal/screen.ts';
import type { Line } from '../../terminal/styled.ts';
import { createTheme, type Theme } from '../../terminal/theme.ts';
import { spanFields } from '../span-json.ts';
import { TRACE_FIELDS } from '../trace-json.ts';
import { TraceLines } from './trace-lines.ts';
import type { Page } from './trace-watch.ts';

// Pages of traces or spans onto stdout, as they come: lines for people, or records as the formats of every answer write them.

export interface PrinterOptions {
  readonly screen: Screen;
  readonly shows: 'traces' | 'spans';
  readonly format: 'table' | 'plain' | 'ndjson';
  readonly fields: readonly string[] | undefined;
  /** Whether plain lines begin with one of field names. */
  readonly header: boolean;
}

/** Text is handed over in pieces of about this length. */
const PIECE_LENGTH = 1 << 16;

export interface Printer {
  /** Writes what stands above all lines. */
  begin(): Promise<void>;
  /** Resolves when more may be written. */
  print(page: Page): Promise<void>;
  /** Rejects where what was printed before found nobody who reads: that is known only a moment later. */
  check(): Promise<void>;
}

/** Returns a printer. Throws `UserError` for fields that there are not. */
export async function createPrinter(options: PrinterOptions): Promise<Printer> {
  const { screen, shows, format, fields } = options;
  const records = (rows: readonly object[]): Records => ({
    name: shows,
    fields: shows === 'traces' ? [...TRACE_FIELDS, UPDATE] : spanFields(),
    rows,
  });
  chosenFields(records([]), fields);
  const write = async (pieces: Iterable<string> | AsyncIterable<string>) => {
    let text = '';
    for await (const piece of pieces) {
      text += piece;
      if (text.length < PIECE_LENGTH) continue;
      await screen.stdout.write(text);
      text = '';
    }
    if (text !== '') await screen.stdout.write(text);
  };
  const check = () => screen.stdout.write('');
  if (format === 'table' && fields === undefined) {
    const lines = new TraceLines(shows, screen);
    const theme = await createTheme(screen.colour);
    return {
      check,
      begin: () => write([painted([lines.header], theme)]),
      print: page => write(linesOf(page, lines).map(line => painted([line], theme))),
    };
  }
  const renderer = format === 'ndjson' ? (await import('../../report/ndjson.ts')).ndjson : plain;
  const render = (rows: readonly object[], header: boolean) =>
    renderer.render(reportOf(records(rows)), { screen, fields, header });
  return {
    check,
    begin: () => write(format === 'plain' && options.header ? render([], true) : []),
    print: ({ traces, spans }) =>
      write(
        render(
          [...traces, ...spans].map(({ json }) => json),
          false,
        ),
      ),
  };
}

/** A trace that was shown before, and has grown. */
const UPDATE: Field = { name: 'update', type: 'flag' };

function linesOf({ traces, spans }: Page, lines: TraceLines): Line[] {
  return [...traces.flatMap(trace => lines.trace(trace)), ...spans.flatMap(span => lines.span(span))];
}

function painted(lines: readonly Line[], theme: Theme): string {
  return lines.map(line => `${theme.paint(line).trimEnd()}\n`).join('');
}

function reportOf(records: Records): Parameters<Renderer['render']>[0] {
  return { data: {}, records, blocks: () => [], isList: true };
}
