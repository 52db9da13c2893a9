import { expect, test } from 'vitest';
import { type DecodedDump, decodeDump } from '../support/decode.ts';
import { fixture, fixturesIn } from '../support/fixtures.ts';

// Formats that are read by way of drafts: no value in any place of a record makes a decoder throw, and none makes a span vanish without
// a line in the account.

const FOLDERS = [
  ...['xray', 'skywalking', 'chrome-trace', 'datadog-json', 'elastic-apm', 'google-cloud-trace', 'sentry-envelope'],
  ...['honeycomb', 'app-insights'],
];
const ODD = [
  'null',
  '""',
  '{}',
  '[]',
  '-1',
  '1e999',
  '18446744073709551616',
  '"\\u202e\\u0000"',
  'true',
  '[[{}]]',
  '0.1',
];

/** Values in JSON text that are neither arrays nor objects. */
const VALUES = /(?<=[:[,]\s*)("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null)(?=\s*[,}\]])/g;

/** Spans and events: what is the one may become the other where a time changes. */
function held({ spans }: DecodedDump): number {
  return spans.reduce((sum, { events }) => sum + 1 + events.length, 0);
}

function skippedIn({ account }: DecodedDump): number {
  return account.skipped.reduce((sum, { count }) => sum + count, 0);
}

test.each(FOLDERS.flatMap(folder => fixturesIn(folder)))('%s takes any value anywhere', async file => {
  const text = fixture(file).toString();
  const before = await decodeDump(text);
  for (const [number, { index, 0: value }] of [...text.matchAll(VALUES)].entries()) {
    // A third of them in each place: records are many and alike.
    for (const odd of ODD.filter((_, at) => at % 3 === number % 3)) {
      const after = await decodeDump(text.slice(0, index) + odd + text.slice(index + value.length));
      if (after.spans.length === before.spans.length || after.account.fault !== undefined) continue;
      if (held(after) >= held(before)) continue;
      expect(skippedIn(after), `${odd} for ${value} at ${index}`).toBeGreaterThan(skippedIn(before));
    }
  }
});
