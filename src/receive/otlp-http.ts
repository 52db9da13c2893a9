import { OTLP_JSON, OTLP_PROTOBUF } from './body-formats.ts';
import type { HttpProtocol, HttpRoute } from './http-receiver.ts';
import { startHttpReceiver } from './http-receiver.ts';
import { exportResponse, exportResponseJson, RpcCode, status, statusJson } from './otlp-messages.ts';
import type { Receiver, ReceiverOptions } from './receiver.ts';

// OTLP/HTTP. https://opentelemetry.io/docs/specs/otlp/#otlphttp
// What each request is answered with: docs/receivers.md, "OTLP/HTTP".

const PROTOBUF = new Set(['application/x-protobuf', 'application/protobuf']);
const JSON_TYPE = 'application/json';

const traces: HttpRoute = {
  formatsOf: mediaType => (PROTOBUF.has(mediaType) ? OTLP_PROTOBUF : mediaType === JSON_TYPE ? OTLP_JSON : undefined),
};

const protocol: HttpProtocol = {
  name: 'otlp-http',
  routes: new Map([
    ['/v1/traces', traces],
    // OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is used as it is, and often has no path.
    ['/', traces],
    // SDKs export all signals to one endpoint, and log an error for each that is refused.
    ['/v1/metrics', { ...traces, drops: 'otlp-metrics' }],
    ['/v1/logs', { ...traces, drops: 'otlp-logs' }],
    ['/v1development/profiles', { ...traces, drops: 'otlp-profiles' }],
  ]),

  accepted(mediaType, left) {
    const body = mediaType === JSON_TYPE ? exportResponseJson(left) : exportResponse(left);
    return { status: 200, contentType: mediaType, body };
  },

  /** The body is a Status in the encoding of the request; of another content type it is not known what its sender reads. */
  failed(mediaType, httpStatus, message) {
    const code = CODES.get(httpStatus) ?? RpcCode.invalidArgument;
    if (mediaType === JSON_TYPE) {
      return { status: httpStatus, contentType: mediaType, body: statusJson(code, message) };
    }
    if (PROTOBUF.has(mediaType)) return { status: httpStatus, contentType: mediaType, body: status(code, message) };
    return { status: httpStatus, contentType: 'text/plain; charset=utf-8', body: `${message}\n` };
  },
};

const CODES: ReadonlyMap<number, RpcCode> = new Map<number, RpcCode>([
  [401, RpcCode.unauthenticated],
  [404, RpcCode.notFound],
  [405, RpcCode.unimplemented],
  [413, RpcCode.resourceExhausted],
  [429, RpcCode.resourceExhausted],
  [503, RpcCode.unavailable],
]);

export function start(options: ReceiverOptions): Promise<Receiver> {
  return startHttpReceiver(protocol, options);
}
