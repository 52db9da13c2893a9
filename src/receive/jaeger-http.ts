import { JAEGER_THRIFT } from './body-formats.ts';
import { type HttpProtocol, startHttpReceiver } from './http-receiver.ts';
import type { Receiver, ReceiverOptions } from './receiver.ts';

// Jaeger's collector: batches as Thrift in the binary protocol over HTTP.
// https://github.com/jaegertracing/jaeger-idl/blob/main/thrift/jaeger.thrift

const THRIFT = new Set(['application/x-thrift', 'application/vnd.apache.thrift.binary']);

const protocol: HttpProtocol = {
  name: 'jaeger-http',
  routes: new Map([['/api/traces', { formatsOf: mediaType => (THRIFT.has(mediaType) ? JAEGER_THRIFT : undefined) }]]),
  accepted: () => ({ status: 202 }),
  failed: (_, status, message) => ({ status, contentType: 'text/plain; charset=utf-8', body: `${message}\n` }),
};

export function start(options: ReceiverOptions): Promise<Receiver> {
  return startHttpReceiver(protocol, options);
}
