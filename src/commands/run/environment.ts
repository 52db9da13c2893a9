// What the program that is run finds in its environment: where its traces go, who it is, and of which trace it is a part.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/
// https://opentelemetry.io/docs/specs/otel/context/env-carriers/

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the receivers listen, such as `http://127.0.0.1:4318`. */
export interface Endpoints {
  readonly http: string;
  readonly grpc: string;
}

export interface EnvironmentOptions {
  readonly endpoints: Endpoints;
  /** The name of the service where nothing in the environment says one. */
  readonly serviceName: string;
  readonly traceparent: string;
}

/** Spans are to be sent before a program that ends without a flush is gone; SDKs wait five seconds for more. */
const SCHEDULE_DELAY_MS = '200';

/** Returns the environment of the program: ours, with traces led here. What the user chose stays, but where traces go. */
export function childEnvironment(
  env: Environment,
  { endpoints, serviceName, traceparent }: EnvironmentOptions,
): Record<string, string | undefined> {
  const protocol = variableOf(env, 'OTEL_EXPORTER_OTLP_PROTOCOL') ?? 'http/protobuf';
  const isGrpc = (name: string) => (variableOf(env, name) ?? protocol) === 'grpc';
  const preset: Environment = {
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_TRACES_EXPORTER: 'otlp',
    // They would be received and dropped, and hold up the end of the program.
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_BSP_SCHEDULE_DELAY: SCHEDULE_DELAY_MS,
    // An empty one says that programs name themselves.
    ...(serviceNameIn(env) === undefined ? { OTEL_SERVICE_NAME: serviceName } : {}),
  };
  return {
    ...preset,
    ...env,
    OTEL_EXPORTER_OTLP_ENDPOINT: isGrpc('OTEL_EXPORTER_OTLP_PROTOCOL') ? endpoints.grpc : endpoints.http,
    // The endpoint of one signal wins over that of all, and is used as it stands.
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: isGrpc('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL')
      ? endpoints.grpc
      : `${endpoints.http}/v1/traces`,
    TRACEPARENT: traceparent,
    // It belongs to the trace that was there before.
    TRACESTATE: undefined,
    ...withoutProxy(env),
  };
}

/** The loopback is not reached through a proxy, which HTTP clients take for every address that is not excepted. */
function withoutProxy(env: Environment): Environment {
  const hasProxy = ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY', 'grpc_proxy'].some(name =>
    variableOf(env, name),
  );
  if (!hasProxy) return {};
  const excepted = variableOf(env, 'no_proxy') ?? variableOf(env, 'NO_PROXY');
  const addresses = excepted === undefined ? LOOPBACK : `${excepted},${LOOPBACK}`;
  return { no_proxy: addresses, NO_PROXY: addresses };
}

const LOOPBACK = '127.0.0.1';

/** Where traces would have gone, as a variable says; undefined where none does. */
export function otherDestination(
  env: Environment,
): { readonly variable: string; readonly endpoint: string } | undefined {
  for (const variable of ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT']) {
    const endpoint = variableOf(env, variable);
    if (endpoint !== undefined) return { variable, endpoint };
  }
  return undefined;
}

/** A variable of the environment as OpenTelemetry reads it: one that is empty is not set. */
export function variableOf(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

/** The name that the environment gives to the service; undefined where it gives none. */
export function serviceNameIn(env: Environment): string | undefined {
  const attributes = variableOf(env, 'OTEL_RESOURCE_ATTRIBUTES') ?? '';
  const name = /(?:^|,)\s*service\.name\s*=\s*([^,]*)/.exec(attributes)?.[1]?.trim();
  return variableOf(env, 'OTEL_SERVICE_NAME') ?? (name === '' ? undefined : name);
}
