import { JAEGER_PROTOBUF } from './body-formats.ts';
import { type GrpcProtocol, startGrpcReceiver } from './grpc-receiver.ts';
import type { Receiver, ReceiverOptions } from './receiver.ts';

// Jaeger's collector over gRPC, to which its agents send.
// https://github.com/jaegertracing/jaeger-idl/blob/main/proto/api_v2/collector.proto

const protocol: GrpcProtocol = {
  name: 'jaeger-grpc',
  methods: [{ path: '/jaeger.api_v2.CollectorService/PostSpans', formats: JAEGER_PROTOBUF }],
  // A PostSpansResponse has no fields, so there is no word for what was left out.
  accepted: () => Buffer.alloc(0),
};

export function start(options: ReceiverOptions): Promise<Receiver> {
  return startGrpcReceiver(protocol, options);
}
