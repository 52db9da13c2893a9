import type { Attributes } from '../../src/model/attributes.ts';
import { CARRIED_FIELDS } from '../../src/model/carried-fields.ts';
import type { DecodedSpan } from '../support/decode.ts';

// The spans of `fixtures/programs/plain.ts`, written out once more: most files about a format's spellings hold exactly these.

const HTTP = { name: 'http', version: '1.2.3', attributes: {} };
const TRACE_STATE = 'vendor=x,ot=th:c';

/** As decoders give them. */
export const PLAIN: readonly DecodedSpan[] = [
  {
    traceId: 'a1fbefbeffb0c1d2e3f405162738495a',
    spanId: 'fbefbe0000000001',
    parentSpanId: undefined,
    name: 'GET /pay',
    kind: 'server',
    serviceName: 'front',
    startTimeUnixNano: 1_793_606_400_123_456_789n,
    durationNano: 99_999_991n,
    status: { code: 'error', message: 'payment failed' },
    attributes: {
      [CARRIED_FIELDS.traceState]: TRACE_STATE,
      'http.request.method': 'GET',
      'http.response.status_code': 500n,
      ratio: 12.5,
      [CARRIED_FIELDS.droppedAttributesCount]: 3n,
    },
    resource: { 'service.name': 'front', 'service.version': '1.0', 'process.pid': 4711n },
    scope: HTTP,
    events: [],
    links: [],
    flags: 257,
    quirks: 0,
  },
  {
    traceId: 'a1fbefbeffb0c1d2e3f405162738495a',
    spanId: 'fbefbe0000000002',
    parentSpanId: 'fbefbe0000000001',
    name: 'POST',
    kind: 'client',
    serviceName: 'front',
    startTimeUnixNano: 1_793_606_400_133_456_789n,
    durationNano: 79_999_991n,
    status: { code: 'error', message: '' },
    attributes: {
      [CARRIED_FIELDS.traceState]: TRACE_STATE,
      big: 9_007_199_254_740_993n,
      negative: -9_223_372_036_854_775_808n,
      retried: false,
      whole: 3,
    },
    resource: { 'service.name': 'front', 'service.version': '1.0', 'process.pid': 4711n },
    scope: HTTP,
    events: [],
    links: [],
    flags: 257,
    quirks: 0,
  },
  {
    traceId: 'a1fbefbeffb0c1d2e3f405162738495a',
    spanId: 'fbefbe0000000003',
    parentSpanId: 'fbefbe0000000002',
    name: 'POST /charges',
    kind: 'server',
    serviceName: 'pay',
    startTimeUnixNano: 1_793_606_400_143_456_789n,
    durationNano: 59_999_991n,
    status: { code: 'error', message: 'bank: no answer' },
    attributes: {
      [CARRIED_FIELDS.traceState]: TRACE_STATE,
      tags: ['a', 'b'],
      raw: Uint8Array.of(0xfb, 0xff, 0),
    },
    resource: { 'service.name': 'pay' },
    scope: HTTP,
    events: [
      {
        timeUnixNano: 1_793_606_400_193_456_789n,
        name: 'exception',
        attributes: { 'exception.type': 'Timeout', 'exception.message': 'bank: no answer' },
      },
    ],
    links: [],
    flags: 769,
    quirks: 0,
  },
  {
    traceId: 'b2fbefbeffb0c1d2e3f405162738495b',
    spanId: 'fbefbe0000000004',
    parentSpanId: undefined,
    name: 'retry payments',
    kind: 'consumer',
    serviceName: 'pay',
    startTimeUnixNano: 1_793_606_460_000_000_001n,
    durationNano: 0n,
    status: { code: 'ok', message: '' },
    attributes: {},
    resource: { 'service.name': 'pay' },
    scope: { name: 'jobs', version: '', attributes: {} },
    events: [],
    links: [
      { traceId: 'a1fbefbeffb0c1d2e3f405162738495a', spanId: 'fbefbe0000000003', attributes: { reason: 'retry' } },
    ],
    flags: 257,
    quirks: 0,
  },
];

/** The attributes of the files about nesting (`NESTED` of `fixtures/programs/odd.ts`). */
export const NESTED: Attributes = {
  nothing: null,
  'empty.text': '',
  'empty.array': [],
  'empty.map': {},
  'empty.bytes': new Uint8Array(0),
  bytes: Uint8Array.of(0, 1, 2, 253, 254, 255),
  nan: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  'minus.infinity': Number.NEGATIVE_INFINITY,
  'double.as.text': 1500,
  'whole.double': 2,
  'int.as.number': 7n,
  'int.max': 9_223_372_036_854_775_807n,
  'mixed.array': ['a', 1n, 1, true, null, Uint8Array.of(255)],
  map: { 'a.b': 'dots in keys', list: [[-1n]], deep: { '': 'an empty key' } },
  twice: 'last',
};
