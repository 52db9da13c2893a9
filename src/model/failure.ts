import { type Attributes, textOfValue } from './attributes.ts';
import type { Span, SpanEvent } from './span.ts';

// What a failed span says of its failure, beside its status: in an exception event, and in attributes.
// https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/ and OpenTracing's error logs before it.

export interface FailureDetails {
  readonly statusMessage: string;
  readonly exceptionType: string | undefined;
  readonly exceptionMessage: string | undefined;
  readonly errorType: string | undefined;
  readonly grpcStatus: string | undefined;
  readonly httpStatus: string | undefined;
}

export type FailureField = Exclude<keyof FailureDetails, 'statusMessage'>;

/** Attribute keys that say a field, with their rank: of several the lowest counts. */
export type FailureFields = Readonly<Record<string, readonly [field: FailureField, rank: number]>>;

export const FAILURE_EVENT_FIELDS: FailureFields = {
  'exception.type': ['exceptionType', 0],
  'error.kind': ['exceptionType', 1],
  'exception.message': ['exceptionMessage', 0],
  message: ['exceptionMessage', 1],
  'error.object': ['exceptionMessage', 2],
};
export const FAILURE_SPAN_FIELDS: FailureFields = {
  'error.type': ['errorType', 0],
  'rpc.response.status_code': ['grpcStatus', 0],
  'rpc.status_code': ['grpcStatus', 1],
  'rpc.grpc.status_code': ['grpcStatus', 2],
  'http.response.status_code': ['httpStatus', 0],
  'http.status_code': ['httpStatus', 1],
  'exception.type': ['exceptionType', 3],
  'exception.message': ['exceptionMessage', 3],
};

/** What makes an event tell of a failure: its name, or one of these keys. Any log line may have a `message`. */
export const FAILURE_EVENT_NAMES: readonly string[] = ['exception', 'error'];
export const FAILURE_EVENT_KEYS: readonly string[] = [
  'exception.type',
  'exception.message',
  'error.kind',
  'error.object',
];

/** Returns what a span says of its failure; of several events that tell of one the last counts. */
export function failureOf(span: Span): FailureDetails {
  const found: Partial<Record<FailureField, readonly [text: string, rank: number]>> = {};
  const take = (attributes: Attributes, fields: FailureFields) => {
    for (const [key, [field, rank]] of Object.entries(fields)) {
      const value = attributes[key];
      const text = value === undefined ? '' : textOfValue(value);
      if (text !== '' && rank < (found[field]?.[1] ?? Number.POSITIVE_INFINITY)) found[field] = [text, rank];
    }
  };
  let last: SpanEvent | undefined;
  for (const event of span.events) {
    if (tellsOfFailure(event) && (last === undefined || event.timeUnixNano >= last.timeUnixNano)) last = event;
  }
  if (last !== undefined) take(last.attributes, FAILURE_EVENT_FIELDS);
  take(span.attributes, FAILURE_SPAN_FIELDS);
  return {
    statusMessage: span.status.message,
    exceptionType: found.exceptionType?.[0],
    exceptionMessage: found.exceptionMessage?.[0],
    errorType: found.errorType?.[0],
    grpcStatus: found.grpcStatus?.[0],
    httpStatus: found.httpStatus?.[0],
  };
}

/** Says whether an event tells of a failure, and how: one that says nothing is passed over. */
function tellsOfFailure({ name, attributes }: SpanEvent): boolean {
  const says = (key: string) => {
    const value = attributes[key];
    return value !== undefined && textOfValue(value) !== '';
  };
  const isFailure = FAILURE_EVENT_NAMES.includes(name) || FAILURE_EVENT_KEYS.some(says);
  return isFailure && Object.keys(FAILURE_EVENT_FIELDS).some(says);
}
