import { describe, expect, test } from 'vitest';
import type { Span } from '../../src/model/span.ts';
import { trustOf } from '../../src/store/trust.ts';
import { draw } from '../support/drawn-trace.ts';
import { loadDump, openStore, storeOf } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';

async function trustIn(spans: readonly Span[], where = 'TRUE') {
  return trustOf((await storeOf(spans)).database, where);
}

test('an answer rests on so many traces and spans, of which so many are incomplete', async () => {
  const spans = [
    ...draw('a | 0-9\n b | 1-2', { traceId: '1' }),
    ...draw('a | 0-9\no | 1-2 | | | parent: gone\np | 1-2 | | | parent: gone', { traceId: '2' }),
    ...draw('a | 0-9\n b | 1-20', { traceId: '3' }),
  ];
  expect(await trustIn(spans)).toEqual({
    traceCount: 3,
    spanCount: 7,
    incompleteTraceCount: 2,
    orphanCount: 2,
    missingParents: [{ serviceName: 'service', calledService: 'service', traceCount: 1 }],
    sampledSpanCount: 0,
    skippedRecordCount: 0,
  });
  expect(await trustIn(spans, 't.trace_id = 1')).toMatchObject({
    traceCount: 1,
    spanCount: 2,
    incompleteTraceCount: 0,
  });
  expect(await trustIn(spans, 'FALSE')).toMatchObject({ traceCount: 0, spanCount: 0, missingParents: [] });
});

describe('the service of a missing parent is', () => {
  test.each([
    ['the orphan’s own, since only the same process could have called it', 'internal', 'web', 'web'],
    ['the orphan’s own, of a client too', 'client', 'web', 'web'],
    ['not known of a server that names no peer', 'server', 'web', undefined],
    ['not known of a consumer that names no peer', 'consumer', 'web', undefined],
    ['the peer that a server names', 'server, peer.service=shop', 'web', 'shop'],
    ['the peer that a consumer names', 'consumer, service.peer.name=queue', 'web', 'queue'],
    ['the orphan’s own, whatever peer a client names', 'client, peer.service=bank', 'web', 'web'],
  ])('%s', async (_, notes, calledService, serviceName) => {
    const { missingParents } = await trustIn(draw(`o | 0-9 | ${calledService} | get | ${notes}, parent: gone`));
    expect(missingParents).toEqual([{ serviceName, calledService, traceCount: 1 }]);
  });

  test('named of the traces that are asked for', async () => {
    const spans = [
      ...draw('o | 0-9 | web | get | parent: gone', { traceId: '1' }),
      ...draw('o | 0-9 | db | get | parent: gone', { traceId: '2' }),
    ];
    const { missingParents } = await trustIn(spans, 't.trace_id = 2');
    expect(missingParents).toEqual([{ serviceName: 'db', calledService: 'db', traceCount: 1 }]);
  });

  test('named in order of the traces that miss it, and no more than ten', async () => {
    const spans = Array.from({ length: 12 }, (_, service) =>
      Array.from({ length: service + 1 }, (__, trace) =>
        draw(`o | 0-9 | s${service} | get | parent: gone`, { traceId: String(service * 20 + trace + 1) }),
      ).flat(),
    ).flat();
    const { missingParents } = await trustIn(spans);
    expect(missingParents.map(({ calledService, traceCount }) => `${calledService} ${traceCount}`)).toEqual(
      Array.from({ length: 10 }, (_, index) => `s${11 - index} ${12 - index}`),
    );
  });
});

describe('sampled spans', () => {
  test.each([
    ['with a threshold', 'ot=th:8', 1],
    ['with one among other members', 'vendor=x,ot=rv:abc;th:c8;k:v', 1],
    ['with a probability of the older kind', 'ot=p:2', 1],
    ['that were all kept', 'ot=th:0', 0],
    ['of an older kind that were all kept', 'ot=p:0', 0],
    ['that say nothing of it', 'vendor=th:8', 0],
    ['of which another vendor says it', 'xot=th:8', 0],
  ])('%s', async (_, traceState, count) => {
    const spans = draw('a | 0-9\n b | 1-2').map((span, index) => (index === 0 ? { ...span, traceState } : span));
    expect((await trustIn(spans)).sampledSpanCount).toBe(count);
  });
});

test('records that were lost while loading are counted, of the whole database', async () => {
  const store = await openStore();
  const broken = otlpJson(draw('a | 0-9')).replace(/"traceId":"\w+",/, '');
  await loadDump(store, `${broken}not JSON\n`);
  await loadDump(store, `${otlpJson(draw('a | 0-9'))}${broken}`);
  expect((await trustOf(store.database, 'TRUE')).skippedRecordCount).toBe(3);
});
