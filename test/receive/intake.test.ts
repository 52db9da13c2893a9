import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import type { SpanBatch } from '../../src/model/span-batch.ts';
import { OTLP_JSON, OTLP_PROTOBUF } from '../../src/receive/body-formats.ts';
import { Budget, OverBudget, Pieces } from '../../src/receive/budget.ts';
import { Intake, type IntakeOptions } from '../../src/receive/intake.ts';
import { Journal, journalRecords, journalSegments } from '../../src/receive/journal.ts';
import { fixture } from '../support/fixtures.ts';

const PLAIN = { receiver: 'test', formats: OTLP_PROTOBUF, body: fixture('otlp-proto/plain.pb') };
const BROKEN = { ...PLAIN, body: Buffer.from('no protobuf') };

interface Taking {
  readonly intake: Intake;
  readonly batches: SpanBatch[];
}

function taking(options: Partial<IntakeOptions> = {}): Taking {
  const batches: SpanBatch[] = [];
  const intake = new Intake({
    limits: DEFAULT_LIMITS,
    producer: { number: 0, firstValueId: 1 },
    onBatch: batch => batches.push(batch),
    ...options,
  });
  return { intake, batches };
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'tailspan-intake-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return join(path, 'a.duckdb.journal');
}

describe('an intake', () => {
  test('puts the spans of several requests into one batch, and defines what they share once', async () => {
    const { intake, batches } = taking();
    for (let times = 0; times < 3; times++) expect(await intake.accept(PLAIN)).toEqual({ kind: 'accepted' });
    expect(batches).toEqual([]);
    intake.close();
    expect(batches.map(({ spans }) => spans.count)).toEqual([12]);
    const names = batches[0]?.definitions.names ?? [];
    expect(new Set(names).size).toBe(names.length);
    expect(intake.account).toMatchObject({ source: 'network', spans: 12, documents: 3, bytes: 3 * PLAIN.body.length });
    expect(intake.countsOf('test')).toMatchObject({ requests: 3, spans: 12 });
  });

  test('hands on what came soon, though not much came', async () => {
    const { intake, batches } = taking();
    await intake.accept(PLAIN);
    await expect.poll(() => batches.length, { interval: 10 }).toBe(1);
  });

  test('has requests wait while its batches are not taken over, and puts them off when that lasts', async () => {
    const { intake, batches } = taking();
    for (let times = 0; times < 12; times++) {
      await intake.accept(PLAIN);
      intake.flush();
    }
    let isAnswered = false;
    const waiting = intake.accept(PLAIN).then(outcome => {
      isAnswered = true;
      return outcome;
    });
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(isAnswered).toBe(false);
    intake.taken(batches[0]!);
    expect(await waiting).toEqual({ kind: 'accepted' });
    intake.flush();
    expect(await intake.accept(PLAIN)).toEqual({ kind: 'overloaded', retryAfterMs: 1000 });
    expect(intake.countsOf('test')).toMatchObject({ requests: 14, putOff: 1, spans: 13 * 4 });
  }, 20_000);

  test('goes on as another producer, which defines everything anew', async () => {
    const { intake, batches } = taking();
    await intake.accept(PLAIN);
    intake.hold();
    const held = intake.accept(PLAIN);
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(batches.map(({ producer }) => producer)).toEqual([0]);
    intake.goOn({ number: 7, firstValueId: 1000 });
    expect(await held).toEqual({ kind: 'accepted' });
    intake.close();
    const [first, second] = batches;
    expect(second?.producer).toBe(7);
    expect(second?.values.firstId).toBe(1000);
    expect(second?.definitions.names).toEqual(first?.definitions.names);
    expect(second?.definitions.keys).toEqual(first?.definitions.keys);
  });

  test('takes nothing more once it is closed', async () => {
    const { intake } = taking();
    intake.close();
    expect(await intake.accept(PLAIN)).toEqual({ kind: 'unavailable', message: 'the listener is stopping' });
    expect(intake.countsOf('test')).toMatchObject({ requests: 1, putOff: 1 });
  });
});

describe('an intake with a journal', () => {
  test('acknowledges what is in it, and lets go of what is stored', async () => {
    const path = folder();
    const journal = new Journal(path);
    const { intake, batches } = taking({ journal });
    const json = { ...PLAIN, formats: OTLP_JSON, body: fixture('otlp-json/shop.json') };
    expect(await intake.accept(PLAIN)).toEqual({ kind: 'accepted' });
    expect(await intake.accept(json)).toEqual({ kind: 'accepted' });
    expect(await intake.accept(BROKEN)).toMatchObject({ kind: 'refused' });
    const [segment] = journalSegments(path);
    const records = [...journalRecords(segment ?? '')];
    expect(records.map(({ formats }) => formats)).toEqual([OTLP_PROTOBUF, OTLP_JSON]);
    expect(
      records.map(({ body }) => Buffer.compare(body, PLAIN.body) === 0 || Buffer.compare(body, json.body) === 0),
    ).toEqual([true, true]);
    // Spans that are still being decoded into the next batch keep it.
    await intake.stored(1);
    expect(journalSegments(path)).toHaveLength(1);
    intake.flush();
    expect(batches).toHaveLength(1);
    await intake.stored(1);
    expect(journalSegments(path)).toHaveLength(1);
    await intake.stored(2);
    expect(journalSegments(path)).toEqual([]);
    await intake.accept(PLAIN);
    expect(journalSegments(path)).toHaveLength(1);
    intake.close();
    await journal.close();
  });

  test('does not acknowledge what could not be written', async () => {
    const path = folder();
    const journal = new Journal(path);
    rmSync(path, { recursive: true });
    const { intake } = taking({ journal });
    expect(await intake.accept(PLAIN)).toMatchObject({ kind: 'unavailable' });
    expect(intake.countsOf('test')).toMatchObject({ putOff: 1, spans: 0 });
    intake.close();
  });
});

describe('the memory for requests', () => {
  test('is shared, and given back', () => {
    const budget = new Budget(100);
    const first = budget.open();
    first.take(60);
    first.take(30);
    expect(() => first.take(11)).toThrow(OverBudget);
    {
      using second = budget.open();
      expect(() => second.take(11)).toThrow(OverBudget);
      second.take(10);
      expect(() => first.take(1)).toThrow(OverBudget);
    }
    first.give(50);
    first.take(60);
    expect(() => first.take(1)).toThrow(OverBudget);
    first[Symbol.dispose]();
    budget.open().take(100);
  });

  test('of a body is that of its pieces, then that of the whole', () => {
    const budget = new Budget(10_000);
    const pieces = new Pieces(budget.open());
    for (let count = 0; count < 20; count++) pieces.add(Buffer.from([count]));
    // A piece is an object beside its bytes.
    expect(() => budget.open().take(6000)).toThrow(OverBudget);
    expect(pieces.head(3)).toEqual(Buffer.from([0, 1, 2]));
    expect(pieces.whole()).toEqual(Buffer.from(Array.from({ length: 20 }, (_, at) => at)));
    budget.open().take(9980);
    expect(() => new Pieces(budget.open()).add(Buffer.alloc(1))).toThrow(OverBudget);
  });
});
