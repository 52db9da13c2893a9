import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import type { SourceAccount } from '../../src/ingest/account.ts';
import type { IngestTarget } from '../../src/ingest/ingest.ts';
import type { SpanBatch } from '../../src/model/span-batch.ts';
import { OTLP_JSON, OTLP_PROTOBUF } from '../../src/receive/body-formats.ts';
import { Budget } from '../../src/receive/budget.ts';
import { Session, type SessionProgress } from '../../src/receive/session.ts';
import { fixture } from '../support/fixtures.ts';

/** A target that writes down what it is asked to do. */
class Notebook implements IngestTarget<string> {
  readonly nextAttributeId = 1;
  readonly steps: string[] = [];
  onAdd: (batch: SpanBatch) => void = () => {};

  newProducer(): number {
    return 0;
  }
  async begin(): Promise<void> {
    this.steps.push('begin');
  }
  async ready(): Promise<void> {
    this.steps.push('ready');
  }
  add(batch: SpanBatch): void {
    this.steps.push(`${batch.spans.count} spans`);
    this.onAdd(batch);
  }
  async finish({ source, spans }: SourceAccount): Promise<string> {
    this.steps.push('finish');
    return `${spans} of ${source}`;
  }
  async abort(): Promise<void> {
    this.steps.push('abort');
  }
}

const PLAIN = { receiver: 'test', formats: OTLP_PROTOBUF, body: fixture('otlp-proto/plain.pb') };

describe('a session', () => {
  test('is one transaction, in which requests share batches and definitions', async () => {
    const target = new Notebook();
    const names: string[] = [];
    target.onAdd = ({ definitions }) => names.push(...definitions.names);
    const session = await Session.begin(target, { limits: DEFAULT_LIMITS });
    for (let times = 0; times < 3; times++) expect(await session.accept(PLAIN)).toEqual({ kind: 'accepted' });
    expect(await session.finish()).toMatchObject({ account: { spans: 12, documents: 3 }, result: '12 of network' });
    expect(target.steps).toEqual(['ready', 'begin', '12 spans', 'finish']);
    expect(new Set(names).size).toBe(names.length);
  });

  test('tells of every request, and counts traces where it is asked to', async () => {
    const told: SessionProgress[] = [];
    const session = await Session.begin(new Notebook(), {
      limits: DEFAULT_LIMITS,
      countsTraces: true,
      onRequest: progress => told.push(progress),
    });
    await session.accept(PLAIN);
    await session.accept({ ...PLAIN, formats: OTLP_JSON, body: fixture('otlp-json/shop.json') });
    const { length } = PLAIN.body;
    expect(told[0]).toMatchObject({ bytes: length, spans: 4 });
    expect((told[1]?.traces ?? 0) - (told[0]?.traces ?? 0)).toBe(6);
  });

  test('takes nothing more once its target failed, and says so once', async () => {
    const target = new Notebook();
    const full = new Error('the disk is full');
    target.onAdd = () => {
      throw full;
    };
    const failures: unknown[] = [];
    const session = await Session.begin(target, {
      limits: DEFAULT_LIMITS,
      countsTraces: true,
      onFailure: error => failures.push(error),
    });
    expect(await session.accept(PLAIN)).toEqual({ kind: 'unavailable', message: 'the spans could not be stored' });
    expect(await session.accept(PLAIN)).toMatchObject({ kind: 'unavailable' });
    expect(failures).toEqual([full]);
    await session.abort();
    expect(target.steps).toEqual(['ready', 'begin', '4 spans', 'abort']);
    expect(session.countsOf('test')).toMatchObject({ requests: 2, putOff: 2, spans: 0 });
  });
});

describe('the memory for requests', () => {
  test('is shared, and given back', () => {
    const budget = new Budget(100);
    const first = budget.open();
    expect([first.take(60), first.take(30), first.take(11)]).toEqual([true, true, false]);
    {
      using second = budget.open();
      expect([second.take(11), second.take(10)]).toEqual([false, true]);
      expect(first.take(1)).toBe(false);
    }
    expect(first.take(10)).toBe(true);
    first[Symbol.dispose]();
    expect(budget.open().take(100)).toBe(true);
  });
});
