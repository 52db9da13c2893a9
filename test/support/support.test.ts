import fc from 'fast-check';
import { expect, test } from 'vitest';
import { traceSpans } from './arbitraries.ts';
import { draw } from './drawn-trace.ts';
import { readDump } from './load.ts';
import { otlpJson } from './otlp-json.ts';

test('what is drawn is what comes out of the store', async () => {
  const spans = draw(`
    a | 0-100 | shop | GET / | server, error: no answer, http.response.status_code=503
      b | 10-60 | bank | charge | client, exception: Timeout: after 5 s @ 50, resource host.name=h1
    o | 20.5-30 | | | parent: x
  `);
  const { spans: read } = await readDump(otlpJson(spans), { chunk: 7 });
  expect(read).toEqual(spans);
});

test('any spans come out of the store as they were', async () => {
  await fc.assert(
    fc.asyncProperty(traceSpans({ hasAttributes: true, maxSpans: 6 }), async spans => {
      const { spans: read } = await readDump(otlpJson(spans));
      const byId = (a: { spanId: string }, b: { spanId: string }) => (a.spanId < b.spanId ? -1 : 1);
      expect([...read].sort(byId)).toEqual([...spans].sort(byId));
    }),
    { numRuns: 60 },
  );
});
