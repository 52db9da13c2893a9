import type { Metadata, Server, ServerInterceptor, ServiceDefinition, StatusObject } from '@grpc/grpc-js';
import type { Reason } from '../formats/format.ts';
import { OTLP_PROTOBUF } from './body-formats.ts';
import { RETRY_AFTER_MS } from './budget.ts';
import { exportResponse, RpcCode, status } from './otlp-messages.ts';
import { endpointOf, type Receiver, type ReceiverOptions } from './receiver.ts';
import { isAuthorised } from './token.ts';

// OTLP/gRPC. https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
// The library does HTTP/2, gzip and deflate, and the limit on messages, before and behind decompression; messages come as bytes, so that
// the decoders of files read them. What each call is answered with: docs/receivers.md, "OTLP/gRPC".

const NAME = 'otlp-grpc';
/** Calls at a time on one connection; further ones wait with their sender. */
const CONCURRENT_CALLS = 100;

/** The services of OTLP; those of other signals are acknowledged and dropped. */
const SERVICES: readonly (readonly [service: string, drops: Reason | undefined])[] = [
  ['trace.v1.TraceService', undefined],
  ['metrics.v1.MetricsService', 'otlp-metrics'],
  ['logs.v1.LogsService', 'otlp-logs'],
  ['profiles.v1development.ProfilesService', 'otlp-profiles'],
];

/** Begins to listen. Rejects with the error of the system where it cannot. */
export async function start(options: ReceiverOptions): Promise<Receiver> {
  // 44 ms that only a listener pays.
  const grpc = await import('@grpc/grpc-js');
  // It would write to stderr what is thrown as well.
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
  const server = new grpc.Server({
    'grpc.max_receive_message_length': options.requestBytes,
    'grpc.max_concurrent_streams': CONCURRENT_CALLS,
    interceptors: [doorkeeper(grpc, options)],
  });
  for (const [service, drops] of SERVICES) addService(server, grpc, service, drops, options);
  const { tls, host } = options;
  const credentials =
    tls === undefined
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) },
        ]);
  const address = `${host.includes(':') ? `[${host}]` : host}:${options.port}`;
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return {
    port,
    endpoint: endpointOf(tls === undefined ? 'http' : 'https', host, port),
    stop: graceMs =>
      new Promise<void>(resolve => {
        const timer = setTimeout(() => server.forceShutdown(), graceMs);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

type Grpc = typeof import('@grpc/grpc-js');

/** Turns calls away before their message is read, and counts those that end before it is. */
function doorkeeper({ ServerInterceptingCall }: Grpc, { token, sink }: ReceiverOptions): ServerInterceptor {
  return (_, call) => {
    let isCounted = false;
    const guarded = new ServerInterceptingCall(call, {
      start: next =>
        next({
          onReceiveMetadata(metadata, goOn) {
            const [header] = metadata.get('authorization');
            if (token === undefined || isAuthorised(header?.toString(), token)) {
              goOn(metadata);
              return;
            }
            isCounted = true;
            sink.refuse(NAME, 'UNAUTHENTICATED the bearer token is missing or wrong');
            guarded.sendStatus({
              code: RpcCode.unauthenticated,
              details: 'the bearer token is missing or wrong',
            });
          },
          onReceiveMessage(message, goOn) {
            isCounted = true;
            goOn(message);
          },
          // Also where the library itself has refused the message.
          onCancel() {
            if (!isCounted)
              sink.refuse(NAME, 'a call whose message was cut off, over the limit or not in its encoding');
          },
        }),
    });
    return guarded;
  };
}

/** Adds a service with the one method that all signals have. */
function addService(
  server: Server,
  { Metadata: MetadataClass }: Grpc,
  service: string,
  drops: Reason | undefined,
  { sink, budget }: ReceiverOptions,
): void {
  const asIs = (bytes: Buffer) => bytes;
  const definition: ServiceDefinition = {
    Export: {
      path: `/opentelemetry.proto.collector.${service}/Export`,
      requestStream: false,
      responseStream: false,
      requestDeserialize: asIs,
      requestSerialize: asIs,
      responseDeserialize: asIs,
      responseSerialize: asIs,
    },
  };
  const retryLater = (code: RpcCode, details: string, afterMs: number) => ({
    code,
    details,
    metadata: retryMetadata(new MetadataClass(), code, details, afterMs),
  });
  const answer = async (body: Buffer): Promise<Buffer | Partial<StatusObject>> => {
    if (drops !== undefined) {
      sink.drop(NAME, drops);
      return exportResponse();
    }
    using hold = budget.open();
    if (!hold.take(body.length)) {
      sink.putOff(NAME);
      return retryLater(RpcCode.resourceExhausted, OVERLOADED, RETRY_AFTER_MS);
    }
    const outcome = await sink.accept({ receiver: NAME, formats: OTLP_PROTOBUF, body });
    switch (outcome.kind) {
      case 'accepted':
        return exportResponse();
      case 'partial':
        return exportResponse(outcome);
      case 'refused':
        return { code: RpcCode.invalidArgument, details: outcome.message };
      case 'overloaded':
        return retryLater(RpcCode.resourceExhausted, OVERLOADED, outcome.retryAfterMs);
      case 'unavailable':
        return retryLater(RpcCode.unavailable, outcome.message, RETRY_AFTER_MS);
    }
  };
  server.addService(definition, {
    Export: (call: { request: Buffer }, respond: (error: Partial<StatusObject> | null, message?: Buffer) => void) => {
      void answer(call.request).then(answered =>
        answered instanceof Uint8Array ? respond(null, answered) : respond(answered),
      );
    },
  });
}

const OVERLOADED = 'more has come than is stored so far; send it again later';

/** Without a RetryInfo senders take RESOURCE_EXHAUSTED for final. */
function retryMetadata(metadata: Metadata, code: RpcCode, message: string, afterMs: number): Metadata {
  metadata.set('grpc-status-details-bin', status(code, message, afterMs));
  return metadata;
}
