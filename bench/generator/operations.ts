// The kinds of work a span can stand for, and the name, kind, scope and attributes that instrumentation gives to each.

import {
  CURRENCIES,
  FUNCTIONS,
  HTTP_FAILURES,
  HTTP_METHODS,
  HTTP_SUCCESSES,
  PRODUCT_IDS,
  REDIS_COMMANDS,
  ROUTES,
  RPC_FAILURES,
  RPC_METHODS,
  RPC_SERVICES,
  type Scopes,
  SERVICES,
  type Shop,
  SQL_SYSTEMS,
  SQL_VERBS,
  type SqlVerb,
  TABLES,
  TOPICS,
  USER_AGENTS,
} from './model.ts';
import type { Random } from './random.ts';
import { type Attribute, Kind, type Service } from './span.ts';

/** What a span does. A call and the span that answers it share the words that name them. */
export type Operation =
  | { readonly type: 'http-server'; readonly method: string; readonly route: string }
  | { readonly type: 'http-call'; readonly method: string; readonly callee: Service }
  | { readonly type: 'rpc-server' | 'rpc-call'; readonly rpcService: string; readonly rpcMethod: string }
  | {
      readonly type: 'sql';
      readonly system: string;
      readonly verb: SqlVerb;
      readonly table: string;
      readonly statement: string;
    }
  | { readonly type: 'redis'; readonly command: string }
  | { readonly type: 'publish' | 'process'; readonly topic: string; readonly message: Message }
  | { readonly type: 'internal'; readonly functionName: string };

/** What tells a message from others; its publisher and its reader record the same. */
interface Message {
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
}

type SqlOperation = Extract<Operation, { type: 'sql' }>;
type MessageOperation = Extract<Operation, { message: Message }>;

/** Returns the request that a user's browser makes. */
export function entryOperation(random: Random): Operation {
  return { type: 'http-server', method: random.pick(HTTP_METHODS), route: random.pick(ROUTES) };
}

/** Returns something that a service does while it answers a request. */
export function nextOperation(random: Random): Operation {
  const share = random.fraction();
  if (share < 0.26) {
    return { type: 'http-call', method: random.pick(HTTP_METHODS), callee: random.pick(SERVICES) };
  }
  if (share < 0.52) {
    return { type: 'rpc-call', rpcService: random.pick(RPC_SERVICES), rpcMethod: random.pick(RPC_METHODS) };
  }
  if (share < 0.69) {
    return sqlOperation(random.pick(SQL_VERBS), random.pick(TABLES), random);
  }
  if (share < 0.73) return { type: 'redis', command: random.pick(REDIS_COMMANDS) };
  if (share < 0.8) {
    const message = { id: random.uuid(), partition: random.below(12), offset: random.below(1e7) };
    return { type: 'publish', topic: random.pick(TOPICS), message };
  }
  return { type: 'internal', functionName: random.pick(FUNCTIONS) };
}

/** Returns an SQL statement; all spans of one operation have the same text, as those of a loop over it do. */
export function sqlOperation(verb: SqlVerb, table: string, random: Random): Operation {
  return { type: 'sql', system: random.pick(SQL_SYSTEMS), verb, table, statement: statementOf(verb, table, random) };
}

/** Returns the operation and service on the other side of a call, or undefined where an operation calls nobody. */
export function answerTo(
  operation: Operation,
  random: Random,
): { readonly operation: Operation; readonly service: Service } | undefined {
  switch (operation.type) {
    case 'http-call':
      return {
        operation: { type: 'http-server', method: operation.method, route: random.pick(ROUTES) },
        service: operation.callee,
      };
    case 'rpc-call':
      return { operation: { ...operation, type: 'rpc-server' }, service: random.pick(SERVICES) };
    case 'publish':
      return { operation: { ...operation, type: 'process' }, service: random.pick(SERVICES) };
    default:
      return undefined;
  }
}

/** Says whether an operation hands work to another service, whose answer is then the span's only child. */
export function isCall(operation: Operation): boolean {
  return operation.type === 'http-call' || operation.type === 'rpc-call' || operation.type === 'publish';
}

/** Says whether an operation is the use of a store, which records no spans of its own. */
export function isStatement(operation: Operation): boolean {
  return operation.type === 'sql' || operation.type === 'redis';
}

/** Returns the kind of the span. */
export function kindOf(operation: Operation): Kind {
  switch (operation.type) {
    case 'http-server':
    case 'rpc-server':
      return Kind.server;
    case 'http-call':
    case 'rpc-call':
    case 'sql':
    case 'redis':
      return Kind.client;
    case 'publish':
      return Kind.producer;
    case 'process':
      return Kind.consumer;
    case 'internal':
      return Kind.internal;
  }
}

/** Returns the name of the span; of low cardinality, as the semantic conventions ask. */
export function nameOf(operation: Operation): string {
  switch (operation.type) {
    case 'http-server':
      return `${operation.method} ${operation.route}`;
    case 'http-call':
      return operation.method;
    case 'rpc-server':
    case 'rpc-call':
      return `${operation.rpcService}/${operation.rpcMethod}`;
    case 'sql':
      return `${operation.verb} ${operation.table}`;
    case 'redis':
      return operation.command;
    case 'publish':
    case 'process':
      return `${operation.topic} ${operation.type}`;
    case 'internal':
      return operation.functionName;
  }
}

/** Returns which of a service's instrumentation libraries records the operation. */
export function scopeOf(operation: Operation): keyof Scopes {
  switch (operation.type) {
    case 'http-server':
    case 'http-call':
      return 'http';
    case 'rpc-server':
    case 'rpc-call':
      return 'rpc';
    case 'sql':
    case 'redis':
      return 'database';
    default:
      return 'application';
  }
}

/** Returns the attributes of one span that does the operation in the service. */
export function attributesOf(
  operation: Operation,
  service: Service,
  failed: boolean,
  shop: Shop,
  random: Random,
): Attribute[] {
  switch (operation.type) {
    case 'http-server':
      return httpServerAttributes(operation.method, operation.route, service, failed, shop, random);
    case 'http-call':
      return httpCallAttributes(operation.method, operation.callee, failed, shop, random);
    case 'rpc-server':
    case 'rpc-call':
      return rpcAttributes(operation.rpcService, operation.rpcMethod, service, failed, random);
    case 'sql':
      return sqlAttributes(operation, random);
    case 'redis':
      return redisAttributes(operation.command, shop, random);
    case 'publish':
    case 'process':
      return messagingAttributes(operation, random);
    case 'internal':
      return applicationAttributes(operation.functionName, shop, random);
  }
}

function httpServerAttributes(
  method: string,
  route: string,
  service: Service,
  failed: boolean,
  shop: Shop,
  random: Random,
): Attribute[] {
  const attributes: Attribute[] = [
    ['http.request.method', method],
    ['http.route', route],
    ['url.path', pathOf(route, shop, random)],
    ['url.scheme', 'http'],
    ['http.response.status_code', random.pick(failed ? HTTP_FAILURES : HTTP_SUCCESSES)],
    ['server.address', `${service.name}.otel-demo.svc`],
    ['server.port', 8080n],
    ['client.address', `10.${random.below(4)}.${random.below(64)}.${random.below(256)}`],
    ['user_agent.original', random.pick(USER_AGENTS)],
    ['network.protocol.version', '1.1'],
  ];
  if (random.chance(0.5)) attributes.push(['session.id', random.pick(shop.userIds)]);
  if (random.chance(0.3)) attributes.push(['thread.id', BigInt(1 + random.below(64))]);
  return attributes;
}

function pathOf(route: string, shop: Shop, random: Random): string {
  if (!route.includes('{')) return route;
  return route
    .replace('{productId}', () => random.pick(PRODUCT_IDS))
    .replace('{userId}', () => random.pick(shop.userIds))
    .replace('{orderId}', () => random.uuid());
}

function httpCallAttributes(method: string, callee: Service, failed: boolean, shop: Shop, random: Random): Attribute[] {
  const path = `/api/products/${random.pick(PRODUCT_IDS)}`;
  const search = `?currencyCode=${random.pick(CURRENCIES)}&sessionId=${random.pick(shop.userIds)}`;
  const attributes: Attribute[] = [
    ['http.request.method', method],
    ['url.full', `http://${callee.name}:8080${path}${search}`],
    ['server.address', callee.name],
    ['server.port', 8080n],
    ['http.response.status_code', failed ? 500n : 200n],
    ['network.peer.address', podAddress(random)],
    ['network.peer.port', 8080n],
    ['network.protocol.version', '1.1'],
  ];
  if (random.chance(0.2)) attributes.push(['http.request.resend_count', BigInt(1 + random.below(3))]);
  return attributes;
}

function rpcAttributes(
  rpcService: string,
  rpcMethod: string,
  service: Service,
  failed: boolean,
  random: Random,
): Attribute[] {
  const attributes: Attribute[] = [
    ['rpc.system', 'grpc'],
    ['rpc.service', rpcService],
    ['rpc.method', rpcMethod],
    ['rpc.grpc.status_code', failed ? random.pick(RPC_FAILURES) : 0n],
    ['server.address', service.name],
    ['server.port', BigInt(3550 + service.number)],
    ['network.peer.address', podAddress(random)],
    ['network.peer.port', BigInt(32_768 + random.below(28_000))],
  ];
  if (random.chance(0.3)) attributes.push(['network.transport', 'tcp']);
  return attributes;
}

function sqlAttributes(operation: SqlOperation, random: Random): Attribute[] {
  const { system, verb, table, statement } = operation;
  const attributes: Attribute[] = [
    ['db.system', system],
    ['db.namespace', 'oteldemo'],
    ['db.operation.name', verb],
    ['db.collection.name', table],
    ['db.query.text', statement],
    ['server.address', `${system}.otel-demo.svc`],
    ['server.port', system === 'postgresql' ? 5432n : 3306n],
  ];
  if (random.chance(0.5)) attributes.push(['db.response.returned_rows', BigInt(random.below(200))]);
  if (random.chance(0.3)) attributes.push(['db.client.connection.pool.name', `pool-${random.below(4)}`]);
  return attributes;
}

function statementOf(verb: SqlVerb, table: string, random: Random): string {
  switch (verb) {
    case 'SELECT': {
      const column = random.pick(['id', 'user_id', 'order_id']);
      const limit = random.pick([1, 10, 20, 50]);
      return (
        `SELECT t.id, t.name, t.created_at, t.updated_at FROM ${table} t ` +
        `WHERE t.${column} = $1 AND t.deleted_at IS NULL ORDER BY t.created_at DESC LIMIT ${limit}`
      );
    }
    case 'INSERT':
      return `INSERT INTO ${table} (id, user_id, payload, created_at) VALUES ($1, $2, $3, $4)`;
    case 'UPDATE':
      return `UPDATE ${table} SET updated_at = now(), status = $1 WHERE id = $2`;
    case 'DELETE':
      return `DELETE FROM ${table} WHERE id = $1`;
  }
}

function redisAttributes(command: string, shop: Shop, random: Random): Attribute[] {
  return [
    ['db.system', 'redis'],
    ['db.namespace', `${random.below(4)}`],
    ['db.operation.name', command],
    ['db.query.text', `${command} ${random.pick(shop.userIds)}`],
    ['server.address', 'redis.otel-demo.svc'],
    ['server.port', 6379n],
    ['network.peer.address', podAddress(random)],
  ];
}

function messagingAttributes({ type, topic, message }: MessageOperation, random: Random): Attribute[] {
  return [
    ['messaging.system', 'kafka'],
    ['messaging.destination.name', topic],
    ['messaging.operation.type', type],
    ['messaging.kafka.offset', BigInt(message.offset)],
    ['messaging.destination.partition.id', `${message.partition}`],
    ['messaging.message.id', message.id],
    ['messaging.client.id', `rdkafka#producer-${random.below(3)}`],
  ];
}

function applicationAttributes(functionName: string, shop: Shop, random: Random): Attribute[] {
  const attributes: Attribute[] = [
    ['app.user.id', random.pick(shop.userIds)],
    ['app.user.currency', random.pick(CURRENCIES)],
    ['app.cart.items.count', BigInt(random.below(12))],
    ['app.cache.hit', random.chance(0.7)],
    ['app.product.id', random.pick(PRODUCT_IDS)],
    ['code.function.name', functionName],
  ];
  if (random.chance(0.3)) {
    attributes.push(
      ['app.order.id', random.uuid()],
      ['app.order.amount', random.below(100_000) / 100],
      ['app.shipping.tracking.id', random.uuid()],
    );
  }
  if (random.chance(0.3)) {
    attributes.push(['thread.id', BigInt(1 + random.below(64))], ['thread.name', `pool-1-thread-${random.below(64)}`]);
  }
  if (random.chance(0.1)) {
    attributes.push(
      ['feature_flag.key', 'productCatalogFailure'],
      ['feature_flag.result.variant', random.pick(['on', 'off'])],
    );
  }
  return attributes;
}

function podAddress(random: Random): string {
  return `10.96.${random.below(16)}.${random.below(256)}`;
}
