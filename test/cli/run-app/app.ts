// A program with OpenTelemetry's SDK in it, for `tailspan run` to start: it does what its arguments say, one after the other.
//
//   work         a span `work` with a child `step`
//   fail         a span `fail` with the status error
//   apart        a span `apart` that takes no notice of TRACEPARENT
//   orphan       a span `orphan` whose parent is never sent
//   call         starts this program with the rest of the arguments and a TRACEPARENT of its span `call`, and waits for it
//   leave        starts this program with the rest of the arguments, and goes when its first `call` has exported: then the span of
//                that is still to come, for the program that is left behind holds it for a while
//   say=TEXT     writes to stdout and stderr         echo      copies stdin to stdout
//   wait         waits for SIGTERM, then goes on     stay      waits for ever, and takes no notice of SIGTERM
//   sleep=MS     waits                               env=NAME  writes a variable of the environment, or -
//   exit=CODE    ends with a code, once spans are exported
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

const { env } = process;
const EXPORTERS = { grpc: GrpcExporter, 'http/json': JsonExporter, 'http/protobuf': ProtobufExporter };
const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL;
const Exporter = Object.entries(EXPORTERS).find(([name]) => name === protocol)?.[1] ?? ProtobufExporter;
/** How long a program that is left behind holds a span whose children are exported. */
const HOLD_MS = 800;
const provider = new TracerProvider({
  resource: resourceFromAttributes({ 'service.name': env.OTEL_SERVICE_NAME ?? 'unknown_service' }),
  spanProcessors: [
    new BatchSpanProcessor({ exporter: new Exporter(), scheduledDelayMillis: Number(env.OTEL_BSP_SCHEDULE_DELAY) }),
  ],
});
const tracer = provider.getTracer('run-app');
const propagator = new W3CTraceContextPropagator();
const parent = propagator.extract(ROOT_CONTEXT, { traceparent: env.TRACEPARENT }, defaultTextMapGetter);

function begin(name: string, context: Context = parent): { span: Span; context: Context } {
  const span = tracer.startSpan(name, {}, context);
  return { span, context: trace.setSpan(context, span) };
}

/** Starts this program once more, with a TRACEPARENT of the context. */
function startMore(args: readonly string[], context: Context, options: SpawnOptions = { stdio: 'inherit' }) {
  const carrier = { traceparent: '' };
  propagator.inject(context, carrier, defaultTextMapSetter);
  return spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    ...options,
    env: { ...env, TRACEPARENT: carrier.traceparent },
  });
}

async function perform(step: string, rest: readonly string[]): Promise<void> {
  const [name = '', value = ''] = step.split(/=(.*)/s);
  switch (name) {
    case 'work': {
      const { span, context } = begin('work');
      begin('step', context).span.end();
      span.end();
      return;
    }
    case 'fail':
      begin('fail').span.setStatus({ code: SpanStatusCode.ERROR, message: 'it was to fail' }).end();
      return;
    case 'apart':
      begin('apart', ROOT_CONTEXT).span.end();
      return;
    case 'orphan':
      begin('orphan', begin('lost').context).span.end();
      return;
    case 'call': {
      const { span, context } = begin('call');
      await once(startMore(rest, context), 'exit');
      if (process.send !== undefined) {
        process.send('exported');
        await delay(HOLD_MS);
      }
      span.end();
      return;
    }
    case 'leave': {
      const left = startMore(rest, parent, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], detached: true });
      await once(left, 'message');
      left.disconnect();
      left.unref();
      return;
    }
    case 'say':
      process.stdout.write(value);
      process.stderr.write(value.toUpperCase());
      return;
    case 'echo':
      await pipeline(process.stdin, process.stdout, { end: false });
      return;
    case 'wait': {
      const alive = setInterval(() => {}, 1000);
      const terminated = once(process, 'SIGTERM');
      process.stdout.write('waiting\n');
      await terminated;
      clearInterval(alive);
      return;
    }
    case 'stay':
      process.on('SIGTERM', () => process.stdout.write('staying\n'));
      process.stdout.write('waiting\n');
      await new Promise(() => setInterval(() => {}, 1000));
      return;
    case 'sleep':
      await delay(Number(value));
      return;
    case 'env':
      process.stdout.write(`${value}=${env[value] ?? '-'}\n`);
      return;
    case 'exit':
      process.exitCode = Number(value);
      return;
    default:
      throw new Error(`run-app does not know ${step}`);
  }
}

const steps = process.argv.slice(2);
for (const [index, step] of steps.entries()) {
  await perform(step, steps.slice(index + 1));
  // The rest is done by the program that was started.
  if (step === 'call' || step === 'leave') break;
}
await provider.shutdown();
