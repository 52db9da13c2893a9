import { expect } from 'vitest';
import type { Span } from '../../src/model/span.ts';
import { DRAWING_START, draw } from '../support/drawn-trace.ts';
import { dumpFile } from '../support/load.ts';
import { type Finished, REPOSITORY, type RunOptions, tailspan } from '../support/run.ts';

// What the tests of commands ask: three small traces whose numbers can be told by hand, and the bundled example.

export const EXAMPLE = `${REPOSITORY}fixtures/example/checkout.jsonl`;
export const FIXTURES = `${REPOSITORY}fixtures/`;

const SECOND = 1_000_000_000n;

/** 2026-11-20 09:00:00, 100 ms: a page of the cart. Own time on the path: 20, 10, 10, 30 and 30 ms. */
export const PAGE_ID = 'c0ffee01000000000000000000000001';
export const PAGE = draw(
  `
  a | 0-100 | web | GET /cart | server, http.response.status_code=200, resource deployment.environment=prod
    b | 10-90 | web | GET | client
      c | 15-85 | cart | GET /cart | server
        d | 20-50 | cart | SELECT | client, db.system=postgresql
        e | 50-80 | cart | SELECT | client, db.system=postgresql
  `,
  { traceId: PAGE_ID },
);

/** A minute later, 40 ms: a payment that fails in the bank; the caller fails with it. */
export const PAYMENT_ID = 'c0ffee02000000000000000000000002';
export const PAYMENT = draw(
  `
  p | 0-40 | web | POST /pay | server, error: payment failed, http.response.status_code=500
    q | 5-35 | web | POST | client, error
      r | 10-30 | bank | POST /pay | server, error: no funds, exception: CardDeclined: card declined @ 28
  `,
  { traceId: PAYMENT_ID, start: DRAWING_START + 60n * SECOND },
);

/** Another minute later, 10 ms: a span whose parent was never exported. */
export const ORPHAN_ID = 'decade03000000000000000000000003';
export const ORPHAN = draw('o | 0-10 | bank | GET /health | server, parent: x', {
  traceId: ORPHAN_ID,
  start: DRAWING_START + 120n * SECOND,
});

/** Writes the three traces, or others, into a file of the running test. */
export function shopFile(...traces: readonly (readonly Span[])[]): string {
  return dumpFile(...(traces.length === 0 ? [PAGE, PAYMENT, ORPHAN] : traces));
}

export interface Refusal extends Finished {
  /** What follows `error: `. */
  readonly error: string;
  /** What follows `hint: `, with the lines below. */
  readonly hint: string;
}

/** Runs what must be refused: exit code 2, one sentence and one hint, no stack. Notes about reading may come before. */
export async function refusal(args: readonly string[], options: RunOptions = {}): Promise<Refusal> {
  const finished = await tailspan(args, options);
  expect(finished).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('error: ') });
  expect(finished.stderr.match(/^error: /gm)).toHaveLength(1);
  expect(finished.stderr.match(/^hint: /gm)).toHaveLength(1);
  expect(finished.stderr).not.toMatch(/^\s+at /m);
  const [, error = '', hint = ''] = /^error: (.*)\n(?: {2}.*\n)*hint: ([\s\S]*)\n$/m.exec(finished.stderr) ?? [];
  expect(error).not.toMatch(/^[A-Z][a-z]|\.$/);
  return { ...finished, error, hint };
}

const NAMES: Readonly<Record<string, string>> = { [PAGE_ID]: 'page', [PAYMENT_ID]: 'payment', [ORPHAN_ID]: 'orphan' };

/** What the traces of an answer are called here: `page`, `payment`, `orphan`. */
export function namesOf(traces: readonly { readonly traceId: string }[]): string[] {
  return traces.map(({ traceId }) => NAMES[traceId] ?? traceId);
}

/** The lines of a text, without the end of the last. */
export function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1);
}
