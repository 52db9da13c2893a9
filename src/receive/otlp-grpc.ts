import { OTLP_PROTOBUF } from './body-formats.ts';
import { type GrpcMethod, type GrpcProtocol, startGrpcReceiver } from './grpc-receiver.ts';
import { exportResponse } from './otlp-messages.ts';
import type { Receiver, ReceiverOptions } from './receiver.ts';

// OTLP/gRPC. https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
// What each call is answered with: docs/receivers.md, "OTLP/gRPC".

function exportOf(service: string, drops?: GrpcMethod['drops']): GrpcMethod {
  return { path: `/opentelemetry.proto.collector.${service}/Export`, formats: OTLP_PROTOBUF, drops };
}

const protocol: GrpcProtocol = {
  name: 'otlp-grpc',
  methods: [
    exportOf('trace.v1.TraceService'),
    // SDKs export all signals to one endpoint, and log an error for each that is refused.
    exportOf('metrics.v1.MetricsService', 'otlp-metrics'),
    exportOf('logs.v1.LogsService', 'otlp-logs'),
    exportOf('profiles.v1development.ProfilesService', 'otlp-profiles'),
  ],
  accepted: exportResponse,
};

export function start(options: ReceiverOptions): Promise<Receiver> {
  return startGrpcReceiver(protocol, options);
}
