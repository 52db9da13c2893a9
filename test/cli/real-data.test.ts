import { expect, test } from 'vitest';
import { widthOf } from '../../src/terminal/measure.ts';
import { answer, tailspan } from '../support/run.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';
import { linesOf } from './shop.ts';

// Dumps that others made: every command answers from them, within its width and without a word that is not for people.

const DUMPS: readonly (readonly [file: string, spans: number])[] = [
  ['otlp-json/java-agent-app.part1.jsonl', 730],
  ['otlp-json/otel-demo-mixed-signals.part1.jsonl', 284],
  ['otlp-json/snake-case-robot-1632-spans.jsonl', 1632],
  ['otlp-json/spec-example-trace.json', 1],
  ['jaeger-json/deathstarbench-socialnetwork.part1.json', 330],
  ['zipkin/smartthings-oauth-authorization.json', 175],
  ['zipkin/yelp.json', 16],
  ['zipkin/skew.json', 4],
];

const COMMANDS = ['summary', 'search', 'search --spans', 'services', 'operations', 'critical-path', 'errors'];

describeRealData('real dumps', () => {
  test.each(DUMPS)('%s: every command answers within 80 columns', async (file, spans) => {
    for (const command of COMMANDS) {
      const args = [...command.split(' '), sharedData(file)];
      const { exitCode, stdout, stderr } = await tailspan([...args, '--format', 'table', '--width', '80']);
      expect([command, exitCode, stderr.match(/error: .*/)]).toEqual([command, 0, null]);
      expect([command, linesOf(stdout).filter(line => widthOf(line) > 80)]).toEqual([command, []]);
      expect(stdout).not.toMatch(/\b(undefined|NaN|\[object)\b/);
    }
    const [total] = JSON.parse(await answer(['sql', 'SELECT count(*) FROM spans', sharedData(file), '--json'])).rows;
    expect(total).toEqual([spans]);
  });

  test.each(DUMPS)('%s: the slowest trace is shown, and its path ends with its root', async file => {
    const [{ traceId }] = JSON.parse(await answer(['search', sharedData(file), '--sort', 'duration', '--json'])).traces;
    for (const width of ['80', '200']) {
      const text = await answer(['show', traceId, sharedData(file), '--format', 'table', '--width', width]);
      expect(linesOf(text).filter(line => widthOf(line) > Number(width))).toEqual([]);
      expect(text).toContain(traceId);
    }
    const { sections, durationNano } = JSON.parse(await answer(['critical-path', traceId, sharedData(file), '--json']));
    const sum = sections.reduce(
      (total: bigint, section: { durationNano: string }) => total + BigInt(section.durationNano),
      0n,
    );
    expect(String(sum)).toBe(durationNano);
  });

  test('a trace of 1,632 spans is shown in full only where that is asked for', async () => {
    const file = sharedData('otlp-json/snake-case-robot-1632-spans.jsonl');
    const { stdout, stderr } = await tailspan(['show', file]);
    expect(linesOf(stdout).length).toBeLessThan(330);
    expect(stderr).toMatch(/showing \d+ of 1,632 spans/);
    expect(linesOf(await answer(['show', file, '--limit', '0', '--unfold'])).length).toBeGreaterThan(1632);
  });
});
