import type { ReceiverEntry } from './receiver.ts';

/** The receivers, in the order in which they are started and told of. Each is loaded when it is started. */
export const RECEIVERS: readonly ReceiverEntry[] = [
  {
    name: 'otlp-http',
    title: 'OTLP/HTTP',
    defaultPort: 4318,
    portOption: '--port-http',
    group: 'otlp',
    start: async options => (await import('./otlp-http.ts')).start(options),
  },
  {
    name: 'otlp-grpc',
    title: 'OTLP/gRPC',
    defaultPort: 4317,
    portOption: '--port-grpc',
    group: 'otlp',
    start: async options => (await import('./otlp-grpc.ts')).start(options),
  },
  {
    name: 'zipkin',
    title: 'Zipkin',
    defaultPort: 9411,
    portOption: '--port-zipkin',
    group: 'zipkin',
    start: async options => (await import('./zipkin.ts')).start(options),
  },
  {
    name: 'jaeger-http',
    title: 'Jaeger Thrift/HTTP',
    defaultPort: 14268,
    portOption: '--port-jaeger-http',
    group: 'jaeger',
    start: async options => (await import('./jaeger-http.ts')).start(options),
  },
  {
    name: 'jaeger-grpc',
    title: 'Jaeger gRPC',
    defaultPort: 14250,
    portOption: '--port-jaeger-grpc',
    group: 'jaeger',
    start: async options => (await import('./jaeger-grpc.ts')).start(options),
  },
  {
    name: 'jaeger-compact',
    title: 'Jaeger compact/UDP',
    defaultPort: 6831,
    portOption: '--port-jaeger-compact',
    group: 'jaeger',
    start: async options => (await import('./jaeger-udp.ts')).start('jaeger-compact', options),
  },
  {
    name: 'jaeger-binary',
    title: 'Jaeger binary/UDP',
    defaultPort: 6832,
    portOption: '--port-jaeger-binary',
    group: 'jaeger',
    start: async options => (await import('./jaeger-udp.ts')).start('jaeger-binary', options),
  },
];
