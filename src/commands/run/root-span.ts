import { randomBytes } from 'node:crypto';
import { programVersion } from '../../config/version.ts';
import type { Ended } from '../../terminal/child.ts';
import { shellWord } from '../shell.ts';
import { programName } from './program.ts';

// The span that the run of a program is, after https://opentelemetry.io/docs/specs/semconv/cli/cli-spans/ (execution spans): the root of
// the trace that the program is told of by TRACEPARENT.

/** A span by its ids, as https://www.w3.org/TR/trace-context/#traceparent-header writes them. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
}

/** Longest command line that is shown whole in lists. */
const LONGEST_NAME = 80;

export function newSpanContext(): SpanContext {
  return { traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') };
}

/** The value of TRACEPARENT for the children of a span: version 00, sampled. */
export function traceparentOf({ traceId, spanId }: SpanContext): string {
  return `00-${traceId}-${spanId}-01`;
}

/** Reads a traceparent of version 00; undefined for anything else. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const [, traceId, spanId] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(text ?? '') ?? [];
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
}

export interface RootSpanOptions {
  readonly context: SpanContext;
  readonly words: readonly string[];
  readonly serviceName: string;
  readonly ended: Ended;
  /** The span in whose environment this one began. It is in another place, so that it is linked and no parent. */
  readonly outer: SpanContext | undefined;
}

/** Returns the span as a request of OTLP, in JSON. */
export function rootSpanRequest({ context, words, serviceName, ended, outer }: RootSpanOptions): string {
  const [command = ''] = words;
  const line = words.map(shellWord).join(' ');
  const { exitCode, signal } = ended;
  const failure = signal === undefined ? `exit code ${exitCode}` : `ended by ${signal}`;
  const span = {
    ...context,
    flags: 1,
    name: line.length > LONGEST_NAME ? `${line.slice(0, LONGEST_NAME - 1)}…` : line,
    kind: SPAN_KIND_INTERNAL,
    startTimeUnixNano: String(ended.startTimeUnixNano),
    endTimeUnixNano: String(ended.endTimeUnixNano),
    attributes: [
      text('process.executable.name', programName(command)),
      text('process.command', command),
      { key: 'process.command_args', value: { arrayValue: { values: words.map(word => ({ stringValue: word })) } } },
      integer('process.pid', ended.pid),
      integer('process.exit.code', exitCode),
      ...(exitCode === 0 ? [] : [text('error.type', signal ?? String(exitCode))]),
    ],
    links: outer === undefined ? [] : [outer],
    status: exitCode === 0 ? {} : { code: STATUS_CODE_ERROR, message: failure },
  };
  const resource = { attributes: [text('service.name', serviceName)] };
  const scope = { name: 'tailspan', version: programVersion() };
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span] }] }] });
}

const SPAN_KIND_INTERNAL = 1;
const STATUS_CODE_ERROR = 2;

function text(key: string, value: string): object {
  return { key, value: { stringValue: value } };
}

function integer(key: string, value: number): object {
  return { key, value: { intValue: String(value) } };
}
