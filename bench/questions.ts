import { spreadOf } from './measure.ts';
import { formatCount } from './report.ts';

// Questions that are asked inside one process, by the program and by SQL that was written by hand for them, in turns.

export interface Question {
  readonly name: string;
  readonly limitMs: number;
  /** Undefined where the program does not answer this yet. Returns the number of rows. */
  readonly program: ((run: number) => Promise<number>) | undefined;
  readonly sql: (run: number) => Promise<number>;
}

const WARMUPS = 2;

/** The columns of what `timed` returns. */
export const QUESTION_COLUMNS = ['question', 'by', 'rows', 'median ms', 'min ms', 'max ms', 'limit ms', '× limit'];

/** Returns the rows of a table: the times of the program and of SQL. Throws where an answer is empty: its time would say nothing. */
export async function timed({ name, limitMs, program, sql }: Question, runs: number): Promise<string[][]> {
  const ways = [...(program === undefined ? [] : [{ by: 'tailspan', ask: program }]), { by: 'SQL', ask: sql }];
  const samples = ways.map((): number[] => []);
  const found = ways.map(() => 0);
  for (let run = 0; run < WARMUPS + runs; run++) {
    const order = [...ways.keys()];
    if (run % 2 === 1) order.reverse();
    for (const index of order) {
      const start = performance.now();
      found[index] = await ways[index]!.ask(run);
      if (run >= WARMUPS) samples[index]!.push(performance.now() - start);
    }
  }
  return ways.map(({ by }, index) => {
    if (found[index] === 0) throw new Error(`${name}: ${by} found nothing`);
    const { median, min, max } = spreadOf(samples[index]!);
    return [
      index === 0 ? name : '',
      by,
      formatCount(found[index]!),
      ...[median, min, max].map(time => time.toFixed(1)),
      String(limitMs),
      (median / limitMs).toFixed(2),
    ];
  });
}
