import { type BodyFormats, ZIPKIN_JSON, ZIPKIN_PROTOBUF, ZIPKIN_THRIFT } from './body-formats.ts';
import { type HttpProtocol, type HttpRoute, startHttpReceiver } from './http-receiver.ts';
import type { Receiver, ReceiverOptions } from './receiver.ts';

// Zipkin's collector over HTTP, both versions. https://zipkin.io/zipkin-api/

/** Takes JSON, also where a sender names no content type, and what a version has beside it. */
function routeOf(others: Readonly<Record<string, BodyFormats>>): HttpRoute {
  const types = new Map([['application/json', ZIPKIN_JSON], ['', ZIPKIN_JSON], ...Object.entries(others)]);
  return { formatsOf: mediaType => types.get(mediaType) };
}

const protocol: HttpProtocol = {
  name: 'zipkin',
  routes: new Map([
    ['/api/v2/spans', routeOf({ 'application/x-protobuf': ZIPKIN_PROTOBUF, 'application/protobuf': ZIPKIN_PROTOBUF })],
    ['/api/v1/spans', routeOf({ 'application/x-thrift': ZIPKIN_THRIFT })],
  ]),
  accepted: () => ({ status: 202 }),
  failed: (_, status, message) => ({ status, contentType: 'text/plain; charset=utf-8', body: `${message}\n` }),
};

export function start(options: ReceiverOptions): Promise<Receiver> {
  return startHttpReceiver(protocol, options);
}
