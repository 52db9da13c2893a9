import { describe, expect, test } from 'vitest';
import { FORMATS } from '../../src/formats/index.ts';
import { answer, answerJson, tailspan } from '../support/run.ts';

interface Found {
  readonly found: readonly {
    readonly source: string;
    readonly format?: string;
    readonly reason?: string;
    readonly documents: number;
    readonly spans: number;
    readonly offset?: number;
    readonly because: string;
  }[];
}

describe('tailspan formats', () => {
  test('lists every format with what it is recognised by', async () => {
    const { formats } = await answerJson<{ formats: unknown[] }>(['formats']);
    expect(formats).toEqual(FORMATS.map(({ name, title, recognised }) => ({ name, title, recognised })));
    for (const { name } of FORMATS) expect(await answer(['formats'], { isTty: true })).toContain(name);
  });

  test('says what a file is, stretch by stretch', async () => {
    const { found } = await answerJson<Found>(['formats', 'fixtures/otlp-json/mixed-signals.jsonl']);
    expect(new Set(found.map(({ format, reason }) => format ?? reason))).toEqual(
      new Set(['otlp-json', 'otlp-logs', 'otlp-metrics', 'otlp-profiles', 'no-spans']),
    );
    expect(found.reduce((sum, { spans }) => sum + spans, 0)).toBe(4);
  });

  test('says where the first record is that gave nothing, and why', async () => {
    const { found } = await answerJson<Found>(['formats', 'fixtures/invalid/broken-line.jsonl']);
    expect(found).toContainEqual(expect.objectContaining({ reason: expect.any(String), offset: expect.any(Number) }));
    expect(found.reduce((sum, { spans }) => sum + spans, 0)).toBe(4);
  });

  test('refuses what is none with a sentence and exit code 2, and tells the rest', async () => {
    const { exitCode, stdout, stderr } = await tailspan([
      'formats',
      'fixtures/invalid/image.png',
      'fixtures/zipkin-json/shop.json',
      '--json',
    ]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('error: fixtures/invalid/image.png is no trace dump but a PNG image');
    expect(JSON.parse(stdout).found).toMatchObject([
      { source: 'fixtures/zipkin-json/shop.json', format: 'zipkin-json' },
    ]);
  });
});
