import { describe, expect, test } from 'vitest';
import { inSelection, keepSelection, matchedSpansets } from '../../src/store/spansets.ts';
import { draw } from '../support/drawn-trace.ts';
import { storeOf } from '../support/load.ts';

const TRACES = [
  draw('a | 0-9\n  b | 1-2\n  c | 3-4', { traceId: '1' }),
  draw('d | 0-9\n  e | 1-2', { traceId: '2' }),
  draw('f | 0-9', { traceId: '3' }),
];
const IDS = TRACES.map(([span]) => span!.traceId);
const ALL = { isEverything: true, groupCount: 0, attributeCount: 0 };

async function databaseOfTraces() {
  const { database } = await storeOf(TRACES.flat());
  const numbers = await database.rows('SELECT span_no, trace_id FROM span ORDER BY span_no');
  const numbersOf = (id: string) =>
    numbers.filter(row => row.trace_id === BigInt(`0x${id}`)).map(row => row.span_no as bigint);
  return { database, numbersOf };
}

describe('the spansets of traces', () => {
  test('are all spans where every span is selected', async () => {
    const { database, numbersOf } = await databaseOfTraces();
    expect(await matchedSpansets(database, ALL, IDS.slice(0, 2), 2)).toEqual([
      { traceId: IDS[0], matched: 3, spanNumbers: numbersOf(IDS[0]!).slice(0, 2), attributes: [] },
      { traceId: IDS[1], matched: 2, spanNumbers: numbersOf(IDS[1]!), attributes: [] },
    ]);
  });

  test('are told apart by groups, in the order of their first spans', async () => {
    const { database, numbersOf } = await databaseOfTraces();
    const [first, second, third] = numbersOf(IDS[0]!);
    await keepSelection(
      database,
      `SELECT trace_id, span_no, CASE WHEN span_no = ${second} THEN 'sx' ELSE 'sy' END AS g0, 'i7' AS a0 FROM span WHERE trace_id = 1`,
    );
    expect(await matchedSpansets(database, { isEverything: false, groupCount: 1, attributeCount: 1 }, IDS, 3)).toEqual([
      { traceId: IDS[0], matched: 2, spanNumbers: [first, third], attributes: ['i7'] },
      { traceId: IDS[0], matched: 1, spanNumbers: [second], attributes: ['i7'] },
    ]);
    expect(await database.value(`SELECT count(*) FROM span s WHERE ${inSelection('s', 'span_no')}`)).toBe(3n);
    expect(await database.value(`SELECT count(*) FROM trace t WHERE ${inSelection('t', 'trace_id')}`)).toBe(1n);
  });

  test('of no trace are none', async () => {
    const { database } = await databaseOfTraces();
    expect(await matchedSpansets(database, ALL, [], 3)).toEqual([]);
  });
});
