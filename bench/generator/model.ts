// The world the spans come from: a web shop of twelve services in the manner of the OpenTelemetry demo, with the routes,
// methods, tables, users and failures that exist in it. Words only; operations.ts makes attributes of them.
// An element that is listed twice is met twice as often.

import type { Random } from './random.ts';
import type { Attribute, Resource, Scope, Service } from './span.ts';

const LANGUAGE_BY_SERVICE = {
  frontend: 'nodejs',
  'frontend-proxy': 'cpp',
  cartservice: 'dotnet',
  checkoutservice: 'go',
  currencyservice: 'cpp',
  emailservice: 'ruby',
  paymentservice: 'nodejs',
  productcatalogservice: 'go',
  recommendationservice: 'python',
  shippingservice: 'rust',
  adservice: 'java',
  quoteservice: 'php',
};

export const SERVICES: readonly Service[] = Object.entries(LANGUAGE_BY_SERVICE).map(([name, language], number) => ({
  name,
  language,
  number,
}));

/** Where requests enter the shop. */
export const ENTRY_SERVICES: readonly Service[] = [
  'frontend-proxy',
  'frontend-proxy',
  'frontend-proxy',
  'frontend',
].map(name => SERVICES.find(service => service.name === name)!);

export const HTTP_METHODS = ['GET', 'GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'DELETE'];
export const HTTP_SUCCESSES = [200n, 200n, 200n, 200n, 200n, 201n, 204n, 304n, 404n];
export const HTTP_FAILURES = [500n, 500n, 503n, 502n];
export const ROUTES = [
  '/',
  '/api/cart',
  '/api/products/{productId}',
  '/api/recommendations',
  '/api/checkout',
  '/api/currency',
  '/api/data',
  '/product/{productId}',
  '/api/shipping',
  '/cart',
  '/api/ads',
  '/api/user/{userId}/orders',
  '/api/orders/{orderId}',
  '/health',
];

export const RPC_SERVICES = [
  'oteldemo.CartService',
  'oteldemo.CheckoutService',
  'oteldemo.CurrencyService',
  'oteldemo.ProductCatalogService',
  'oteldemo.RecommendationService',
  'oteldemo.ShippingService',
  'oteldemo.PaymentService',
  'oteldemo.AdService',
  'flagd.evaluation.v1.Service',
];
export const RPC_METHODS = [
  'GetCart',
  'AddItem',
  'PlaceOrder',
  'Convert',
  'GetSupportedCurrencies',
  'GetProduct',
  'ListProducts',
  'ListRecommendations',
  'GetQuote',
  'ShipOrder',
  'Charge',
  'GetAds',
  'ResolveBoolean',
];
/** gRPC's INTERNAL, UNAVAILABLE and DEADLINE_EXCEEDED. */
export const RPC_FAILURES = [13n, 14n, 4n];

export const SQL_SYSTEMS = ['postgresql', 'postgresql', 'mysql', 'mariadb'];
export const SQL_VERBS = ['SELECT', 'SELECT', 'SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;
export type SqlVerb = (typeof SQL_VERBS)[number];
export const TABLES = [
  'orders',
  'order_items',
  'products',
  'users',
  'carts',
  'payments',
  'shipments',
  'reviews',
  'inventory',
  'sessions',
];
export const REDIS_COMMANDS = ['HGET', 'HSET', 'EXPIRE', 'HGETALL'];

export const TOPICS = ['orders', 'accounting', 'fraud-detection', 'emails'];

export const FUNCTIONS = [
  'prepareOrderItemsAndShippingQuoteFromCart',
  'calculateDiscounts',
  'render',
  'serialize',
  'validateCart',
  'cache.lookup',
  'charge',
  'getRecommendations',
  'middleware - query',
  'resolve page',
];

export const PRODUCT_IDS = [
  '0PUK6V6EV0',
  '1YMWWN1N4O',
  '2ZYFJ3GM2N',
  '66VCHSJNUP',
  '6E92ZMYYFZ',
  '9SIQT8TOJO',
  'L9ECAV7KIM',
  'LS4PSXUNUM',
  'OLJCESPC7Z',
  'HQTGWGPNH4',
];
export const CURRENCIES = ['USD', 'EUR', 'CHF', 'JPY', 'CAD'];

const PLATFORMS = ['X11; Linux x86_64', 'Macintosh; Intel Mac OS X 10_15_7', 'Windows NT 10.0; Win64; x64'];
export const USER_AGENTS = Array.from(
  { length: 60 },
  (_, version) =>
    `Mozilla/5.0 (${PLATFORMS[version % 3]}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1${10 + version}.0.0.0 Safari/537.36`,
);

/** Names of ordinary span events; exceptions are apart. */
export const EVENT_NAMES = ['message', 'Fetching cart', 'charged', 'processing', 'Enqueued', 'Acquired lock'];

export interface Exception {
  readonly type: string;
  readonly message: string;
  /** Stack traces it was seen with: the same failure is reached by several roads. */
  readonly stackTraces: readonly string[];
}

const FAILURES = [
  ['java.lang.NullPointerException', 'Cannot invoke "Cart.getItems()" because "cart" is null'],
  ['io.grpc.StatusRuntimeException', 'UNAVAILABLE: io exception'],
  [
    'java.sql.SQLTransientConnectionException',
    'HikariPool-1 - Connection is not available, request timed out after 30000ms.',
  ],
  ['System.TimeoutException', 'The operation has timed out.'],
  ['TypeError', "Cannot read properties of undefined (reading 'price')"],
  ['redis.exceptions.ConnectionError', 'Error 111 connecting to redis-cart:6379. Connection refused.'],
  ['PaymentDeclined', 'The credit card (ending 1278) expired on 1/2021.'],
  [
    'requests.exceptions.ReadTimeout',
    "HTTPConnectionPool(host='productcatalogservice', port=3550): Read timed out. (read timeout=5)",
  ],
] as const;

const FRAME_CLASSES = ['Handler', 'Service', 'Repository', 'Client', 'Filter'];
const FRAME_METHODS = ['handle', 'invoke', 'doFilter', 'call', 'execute'];
const STACK_TRACES_PER_EXCEPTION = 12;
const STACK_TRACE_LENGTH = 560;

export const EXCEPTIONS: readonly Exception[] = FAILURES.map(([type, message], number) => ({
  type,
  message,
  stackTraces: Array.from({ length: STACK_TRACES_PER_EXCEPTION }, (_, variant) =>
    stackTrace(`${type}: ${message}\n`, number, variant),
  ),
}));

function stackTrace(heading: string, exception: number, variant: number): string {
  let text = heading;
  for (let depth = 0; text.length < STACK_TRACE_LENGTH + variant * 8; depth++) {
    const owner = SERVICES[(exception + depth) % SERVICES.length]!.name;
    const className = FRAME_CLASSES[depth % FRAME_CLASSES.length]!;
    const method = FRAME_METHODS[(depth + variant) % FRAME_METHODS.length]!;
    const line = 20 + variant * 7 + (depth + 1) * 13;
    text += `\tat com.oteldemo.${owner}.${className}.${method}(${className}.java:${line})\n`;
  }
  return text;
}

/** The instrumentation libraries of one service. */
export interface Scopes {
  readonly http: Scope;
  readonly rpc: Scope;
  readonly database: Scope;
  readonly application: Scope;
}

/** What differs from seed to seed: instances, users, and which scopes they use. */
export interface Shop {
  readonly resources: ReadonlyMap<Service, readonly Resource[]>;
  readonly scopes: ReadonlyMap<Service, Scopes>;
  readonly userIds: readonly string[];
}

const USER_COUNT = 20_000;

/** Returns the shop of a seed: 42 instances of the 12 services and 20,000 users. */
export function createShop(random: Random): Shop {
  return {
    resources: new Map(
      SERVICES.map(service => [
        service,
        Array.from({ length: 3 + (service.number % 2) }, (_, instance) => createResource(service, instance, random)),
      ]),
    ),
    scopes: new Map(SERVICES.map(service => [service, scopesOf(service)])),
    userIds: Array.from({ length: USER_COUNT }, () => random.uuid()),
  };
}

function createResource(service: Service, instance: number, random: Random): Resource {
  const attributes: Attribute[] = [
    ['service.name', service.name],
    ['service.version', `1.${10 + service.number}.${instance >> 1}`],
    ['service.namespace', 'opentelemetry-demo'],
    ['service.instance.id', random.uuid()],
    ['deployment.environment.name', instance === 3 ? 'staging' : 'production'],
    ['host.name', `ip-10-0-${service.number}-${20 + instance}.eu-west-1.compute.internal`],
    ['k8s.pod.name', `otel-demo-${service.name}-${random.hex(5)}-${random.hex(3).slice(1)}`],
    ['k8s.namespace.name', 'otel-demo'],
    ['k8s.node.name', `gke-pool-1-${random.hex(4)}`],
    ['telemetry.sdk.name', 'opentelemetry'],
    ['telemetry.sdk.language', service.language],
    ['telemetry.sdk.version', `1.3${service.number % 5}.0`],
    ['process.pid', BigInt(1 + random.below(4000))],
  ];
  return { service, attributes };
}

function scopesOf(service: Service): Scopes {
  const minor = service.number % 5;
  return {
    http: { name: '@opentelemetry/instrumentation-http', version: `0.5${minor}.0` },
    rpc: {
      name: 'go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc',
      version: `0.4${minor}.1`,
    },
    database: { name: 'io.opentelemetry.jdbc', version: `2.${minor}.0-alpha` },
    application: { name: service.name, version: '' },
  };
}
