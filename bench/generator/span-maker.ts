// From the plan of a trace to its spans: ids, attributes, events, links and status.

import { EVENT_NAMES, EXCEPTIONS, type Shop } from './model.ts';
import { attributesOf, kindOf, nameOf, scopeOf } from './operations.ts';
import type { PlannedSpan } from './plan.ts';
import type { Random } from './random.ts';
import { type Attribute, Kind, type Span, type SpanEvent, type SpanLink, Status } from './span.ts';

const EXCEPTIONS_IN_FAILED = 0.4;
const EXCEPTIONS_HANDLED = 0.012;
const EVENTS = 0.132;
const LINKS = 0.03;
const OK_STATUS = 0.1;

/** Of so many earlier spans the ids are kept for links to them. */
const REMEMBERED_SPANS = 1024;

const SAMPLED = 0x01;
const HAS_REMOTE_FLAG = 0x100;
const PARENT_IS_REMOTE = 0x200;

/** Makes spans, one trace after the other; it remembers some for later traces to link to. */
export class SpanMaker {
  readonly #shop: Shop;
  readonly #random: Random;
  readonly #remembered: SpanLink[] = [];

  constructor(shop: Shop, random: Random) {
    this.#shop = shop;
    this.#random = random;
  }

  /** Returns the spans of a plan, in its order. */
  make(plan: readonly PlannedSpan[], traceStartUnixNano: bigint): Span[] {
    const traceId = this.#random.hex(16);
    const spanIds = new Map<PlannedSpan, string>();
    const spans = plan.map(planned => {
      const spanId = this.#random.hex(8);
      spanIds.set(planned, spanId);
      const parentSpanId = planned.parent && spanIds.get(planned.parent);
      return this.#makeSpan(planned, { traceId, spanId, parentSpanId }, traceStartUnixNano);
    });
    for (const span of spans) this.#remember(span);
    return spans;
  }

  #makeSpan(
    planned: PlannedSpan,
    ids: Pick<Span, 'traceId' | 'spanId' | 'parentSpanId'>,
    traceStartUnixNano: bigint,
  ): Span {
    const { operation, resource, failed } = planned;
    const { service } = resource;
    const random = this.#random;
    const start = traceStartUnixNano + BigInt(planned.startNanos);
    const kind = kindOf(operation);
    const exception = random.chance(failed ? EXCEPTIONS_IN_FAILED : EXCEPTIONS_HANDLED)
      ? random.pick(EXCEPTIONS)
      : undefined;
    return {
      ...ids,
      flags: flagsOf(kind, ids.parentSpanId),
      name: nameOf(operation),
      kind,
      startTimeUnixNano: start,
      endTimeUnixNano: start + BigInt(planned.durationNanos),
      attributes: attributesOf(operation, service, failed, this.#shop, random),
      event: this.#makeEvent(exception, start, planned.durationNanos),
      link: this.#remembered.length > 0 && random.chance(LINKS) ? random.pick(this.#remembered) : undefined,
      status: failed ? Status.error : random.chance(OK_STATUS) ? Status.ok : Status.unset,
      statusMessage: failed ? (exception?.message ?? this.#statusMessage()) : '',
      resource,
      scope: this.#shop.scopes.get(service)![scopeOf(operation)],
    };
  }

  /** Many libraries set the error status without a word. */
  #statusMessage(): string {
    return this.#random.chance(0.5) ? this.#random.pick(EXCEPTIONS).message : '';
  }

  #makeEvent(
    exception: (typeof EXCEPTIONS)[number] | undefined,
    start: bigint,
    durationNanos: number,
  ): SpanEvent | undefined {
    const random = this.#random;
    const timeUnixNano = start + BigInt(Math.floor(durationNanos * random.between(0.2, 0.9)));
    if (exception !== undefined) {
      const attributes: Attribute[] = [
        ['exception.type', exception.type],
        ['exception.message', exception.message],
        ['exception.stacktrace', random.pick(exception.stackTraces)],
      ];
      return { timeUnixNano, name: 'exception', attributes };
    }
    if (!random.chance(EVENTS)) return undefined;
    const attributes: Attribute[] = random.chance(0.6)
      ? [
          ['message.type', random.pick(['SENT', 'RECEIVED'])],
          ['message.id', BigInt(1 + random.below(4))],
        ]
      : [['app.cart.items.count', BigInt(random.below(12))]];
    return { timeUnixNano, name: random.pick(EVENT_NAMES), attributes };
  }

  #remember({ traceId, spanId }: Span): void {
    if (this.#remembered.length < REMEMBERED_SPANS) this.#remembered.push({ traceId, spanId });
    else this.#remembered[this.#random.below(REMEMBERED_SPANS)] = { traceId, spanId };
  }
}

function flagsOf(kind: Kind, parentSpanId: string | undefined): number {
  const isRemote = parentSpanId !== undefined && (kind === Kind.server || kind === Kind.consumer);
  return SAMPLED | HAS_REMOTE_FLAG | (isRemote ? PARENT_IS_REMOTE : 0);
}
