import type { ReceiverCounts } from '../../receive/intake.ts';
import { plural } from '../../terminal/format.ts';
import { shellWord } from '../shell.ts';
import { variableOf } from './environment.ts';
import { languageOf } from './program.ts';

// Why a program that ran sent nothing: guesses, the surest first.

export interface Silence {
  readonly words: readonly string[];
  /** The environment in which the program was started by the user. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isInstrumented: boolean;
  readonly counts: Iterable<ReceiverCounts>;
}

/** Returns what to look at, a sentence each; never none. */
export function whyNothing({ words, env, isInstrumented, counts }: Silence): string[] {
  const variables = variableReasons(env);
  if (variables.length > 0) return variables;
  const requests = requestReasons(counts);
  if (requests.length > 0) return requests;
  return [
    instrumentationReason(words, isInstrumented),
    'an exporter that is set up in code has to read OTEL_EXPORTER_OTLP_ENDPOINT; where it sends over gRPC, set OTEL_EXPORTER_OTLP_PROTOCOL=grpc',
    'spans are lost where a program ends without a flush: shut the SDK down before it exits',
  ];
}

/** Variables by which a user turned tracing off. */
function variableReasons(env: Silence['env']): string[] {
  const exporter = variableOf(env, 'OTEL_TRACES_EXPORTER');
  const sampler = variableOf(env, 'OTEL_TRACES_SAMPLER');
  return [
    ...(variableOf(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true'
      ? ['OTEL_SDK_DISABLED is true: SDKs record nothing']
      : []),
    ...(exporter !== undefined && !exporter.split(',').some(name => name.trim() === 'otlp')
      ? [`OTEL_TRACES_EXPORTER is ${exporter}: traces go there; unset it, or set it to otlp`]
      : []),
    ...(sampler?.endsWith('always_off') === true ? [`OTEL_TRACES_SAMPLER is ${sampler}: nothing is sampled`] : []),
  ];
}

/** What came and gave no span. */
function requestReasons(counts: Iterable<ReceiverCounts>): string[] {
  let refused = 0;
  let dropped = 0;
  for (const count of counts) {
    refused += count.refused;
    dropped += count.dropped;
  }
  return [
    ...(refused > 0 ? [`${plural(refused, 'request')} came that could not be read`] : []),
    ...(dropped > 0 ? [`${plural(dropped, 'request')} came with metrics or logs, and none with traces`] : []),
  ];
}

function instrumentationReason(words: readonly string[], isInstrumented: boolean): string {
  if (isInstrumented) return 'what the program does may be nothing that OpenTelemetry has an instrumentation for';
  switch (languageOf(words)) {
    case 'node':
      return "is it instrumented? --instrument loads OpenTelemetry's instrumentations into it";
    case 'python':
      return `is it instrumented? tailspan run -- opentelemetry-instrument ${words.map(shellWord).join(' ')}`;
    default:
      return 'is it instrumented? https://opentelemetry.io/docs/zero-code/ says how without a change to the code';
  }
}
