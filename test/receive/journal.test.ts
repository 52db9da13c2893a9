import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BODY_FORMATS, OTLP_PROTOBUF } from '../../src/receive/body-formats.ts';
import { Journal, journalRecords, journalSegments, removeJournal } from '../../src/receive/journal.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'tailspan-journal-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return join(path, 'a.duckdb.journal');
}

const bodiesOf = (path: string) =>
  journalSegments(path).flatMap(segment => [...journalRecords(segment)].map(({ body }) => body.toString()));

describe('a journal', () => {
  test('gives back what was written, in order, with its formats', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...BODY_FORMATS), fc.uint8Array({ maxLength: 200 })), { maxLength: 40 }),
        async records => {
          const path = folder();
          const journal = new Journal(path, 500);
          await Promise.all(records.map(([formats, body]) => journal.append(formats, body)));
          await journal.close();
          const read = journalSegments(path).flatMap(segment => [...journalRecords(segment)]);
          expect(read.map(({ formats, body }) => [formats, new Uint8Array(body)])).toEqual(records);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('begins a new segment when one is full, and lets go of old ones', async () => {
    const path = folder();
    const journal = new Journal(path, 100);
    const segments: number[] = [];
    for (let at = 0; at < 6; at++) segments.push(await journal.append(OTLP_PROTOBUF, Buffer.alloc(60, 48 + at)));
    expect(segments).toEqual([1, 1, 2, 2, 3, 3]);
    await journal.release(2);
    expect(bodiesOf(path).map(body => body[0])).toEqual(['4', '5']);
    // The one in hand is closed and goes, too; what comes next begins another.
    await journal.release(3);
    expect(journalSegments(path)).toEqual([]);
    expect(await journal.append(OTLP_PROTOBUF, Buffer.from('next'))).toBe(4);
    await journal.close();
    expect(bodiesOf(path)).toEqual(['next']);
    removeJournal(path);
    expect(journalSegments(path)).toEqual([]);
  });

  test('gives what is whole of a segment that was cut off or damaged at any byte', async () => {
    const path = folder();
    const journal = new Journal(path);
    const bodies = ['first', 'second', 'third'];
    for (const body of bodies) await journal.append(OTLP_PROTOBUF, Buffer.from(body));
    await journal.close();
    const [segment = ''] = journalSegments(path);
    const whole = readFileSync(segment);
    const ends = bodies.map((_, at) => 19 + bodies.slice(0, at + 1).reduce((sum, body) => sum + 10 + body.length, 0));
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(segment, whole);
      truncateSync(segment, length);
      expect(bodiesOf(path)).toEqual(bodies.filter((_, at) => ends[at]! <= length));
    }
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = damaged[at]! ^ 0x55;
      writeFileSync(segment, damaged);
      const sound = at < 19 ? 0 : ends.findIndex(end => at < end);
      expect(bodiesOf(path)).toEqual(bodies.slice(0, sound));
    }
    writeFileSync(segment, whole);
    appendFileSync(segment, Buffer.alloc(100, 255));
    expect(bodiesOf(path)).toEqual(bodies);
  });

  test('says so when it cannot be written, and goes on once it can', async () => {
    const path = folder();
    const journal = new Journal(path);
    rmSync(path, { recursive: true });
    await expect(journal.append(OTLP_PROTOBUF, Buffer.from('lost'))).rejects.toThrow('ENOENT');
    const again = new Journal(path);
    await again.append(OTLP_PROTOBUF, Buffer.from('kept'));
    await again.close();
    expect(bodiesOf(path)).toEqual(['kept']);
  });
});
