import { describe, expect, test } from 'vitest';
import { type FailureDetails, failureOf } from '../../src/model/failure.ts';
import type { Span, SpanEvent } from '../../src/model/span.ts';
import { failureDetails } from '../../src/store/error-details.ts';
import { draw } from '../support/drawn-trace.ts';
import { storeOf } from '../support/load.ts';

const NOTHING: FailureDetails = {
  statusMessage: '',
  exceptionType: undefined,
  exceptionMessage: undefined,
  errorType: undefined,
  grpcStatus: undefined,
  httpStatus: undefined,
};

async function detailsOf(span: Partial<Span>): Promise<FailureDetails> {
  const [drawn] = draw('a | 0-9 | | | error');
  const whole = { ...drawn!, ...span };
  const { database } = await storeOf([whole]);
  const details = await failureDetails(database, [1]);
  expect([...details.keys()]).toEqual([1]);
  // One span by itself says the same as many in the database.
  expect(failureOf(whole)).toEqual(details.get(1));
  return details.get(1)!;
}

const event = (timeUnixNano: bigint, name: string, attributes: SpanEvent['attributes']): SpanEvent => ({
  timeUnixNano,
  name,
  attributes,
});
const exception = (time: bigint, type: string, message: string) =>
  event(time, 'exception', { 'exception.type': type, 'exception.message': message });

describe('a failed span says', () => {
  test.each<[string, Partial<Span>, Partial<FailureDetails>]>([
    ['nothing', {}, {}],
    ['the message of its status', { status: { code: 'error', message: 'no' } }, { statusMessage: 'no' }],
    [
      'its exception',
      { events: [exception(1n, 'Timeout', 'slow')] },
      { exceptionType: 'Timeout', exceptionMessage: 'slow' },
    ],
    [
      'the last of its exceptions',
      { events: [exception(2n, 'Fatal', 'late'), exception(1n, 'Timeout', 'slow')] },
      { exceptionType: 'Fatal', exceptionMessage: 'late' },
    ],
    [
      'the last of its exceptions alone, though another says more',
      { events: [exception(1n, 'Timeout', 'slow'), event(2n, 'exception', { 'exception.message': 'late' })] },
      { exceptionMessage: 'late' },
    ],
    [
      'its exception, though it logs more after that',
      { events: [exception(1n, 'Timeout', 'slow'), event(2n, 'retry', { message: 'trying again' })] },
      { exceptionType: 'Timeout', exceptionMessage: 'slow' },
    ],
    ['nothing of what it merely logs', { events: [event(1n, 'log', { message: 'waiting' })] }, {}],
    [
      'what OpenTracing logs of an error',
      { events: [event(1n, 'error', { 'error.kind': 'Timeout', message: 'slow', 'error.object': 'Timeout: slow' })] },
      { exceptionType: 'Timeout', exceptionMessage: 'slow' },
    ],
    [
      'the object of an OpenTracing error that has no message',
      { events: [event(1n, 'whatever', { 'error.object': 'Timeout: slow' })] },
      { exceptionMessage: 'Timeout: slow' },
    ],
    [
      'an exception that stands on the span itself',
      { attributes: { 'exception.type': 'Timeout', 'exception.message': 'slow' } },
      { exceptionType: 'Timeout', exceptionMessage: 'slow' },
    ],
    [
      'its exception rather than the one on the span itself',
      { attributes: { 'exception.type': 'Other' }, events: [exception(1n, 'Timeout', 'slow')] },
      { exceptionType: 'Timeout', exceptionMessage: 'slow' },
    ],
    ['its error.type', { attributes: { 'error.type': 'timeout' } }, { errorType: 'timeout' }],
    ['its HTTP status', { attributes: { 'http.response.status_code': 503n } }, { httpStatus: '503' }],
    ['its HTTP status under its former name', { attributes: { 'http.status_code': 503n } }, { httpStatus: '503' }],
    [
      'its HTTP status by the name that is used now, if it has both',
      { attributes: { 'http.status_code': 500n, 'http.response.status_code': 503n } },
      { httpStatus: '503' },
    ],
    ['its gRPC status', { attributes: { 'rpc.response.status_code': 'UNAVAILABLE' } }, { grpcStatus: 'UNAVAILABLE' }],
    ['its gRPC status under its former name', { attributes: { 'rpc.grpc.status_code': 14n } }, { grpcStatus: '14' }],
    [
      'nothing where it says it with no letters',
      { attributes: { 'error.type': '' }, events: [exception(1n, '', '')] },
      {},
    ],
  ])('%s', async (_, span, details) => {
    expect(await detailsOf(span)).toEqual({ ...NOTHING, ...details });
  });
});

test('details are of the spans that are asked for, each of its own', async () => {
  const { database } = await storeOf(
    draw('a | 0-9 | | | error: one\n b | 1-2 | | | error: two\n c | 3-4 | | | error: three, exception: E: m @ 3'),
  );
  const details = await failureDetails(database, [1, 3]);
  expect(
    [...details].map(([spanNo, { statusMessage, exceptionType }]) => [spanNo, statusMessage, exceptionType]),
  ).toEqual([
    [1, 'one', undefined],
    [3, 'three', 'E'],
  ]);
  expect(await failureDetails(database, [])).toEqual(new Map());
});

test('details of very many spans are read', async () => {
  const [span] = draw('a | 0-9 | | | error: no');
  const count = 21_000;
  const { database } = await storeOf(
    Array.from({ length: count }, (_, index) => ({ ...span!, spanId: (index + 1).toString(16).padStart(16, '0') })),
  );
  const details = await failureDetails(
    database,
    Array.from({ length: count }, (_, index) => index + 1),
  );
  expect(details.size).toBe(count);
});
