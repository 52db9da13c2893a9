import type { SpanKind } from '../../model/status.ts';
import type { DraftId } from './span-draft.ts';
import type { Tag } from './tag-fields.ts';
import type { ZipkinAnnotation, ZipkinEndpoint, ZipkinSpan } from './zipkin.ts';

// Zipkin v1 spans, as JSON or Thrift, made into v2 spans. In v1 one span holds what all hosts say of it: each annotation
// has the endpoint that wrote it, and "cs", "sr", "ss", "cr" mark when the client sent, the server received, and so on.
// It is split by service as Zipkin itself splits it:
// https://github.com/openzipkin/zipkin/blob/master/zipkin/src/main/java/zipkin2/v1/V1SpanConverter.java

export interface V1Annotation {
  readonly timeUnixNano: bigint | undefined;
  readonly value: string;
  readonly endpoint: ZipkinEndpoint | undefined;
}

export interface V1BinaryAnnotation {
  readonly key: string;
  readonly value: Tag[1];
  readonly endpoint: ZipkinEndpoint | undefined;
}

export interface V1Span {
  readonly traceId: DraftId;
  readonly parentId: DraftId;
  readonly id: DraftId;
  readonly name: string | undefined;
  readonly timestampNano: bigint | undefined;
  readonly durationNano: bigint | undefined;
  readonly annotations: readonly V1Annotation[];
  readonly binaryAnnotations: readonly V1BinaryAnnotation[];
  readonly debug: boolean;
}

/** One side of a span in the making. */
interface Side {
  endpoint: ZipkinEndpoint | undefined;
  kind: SpanKind | undefined;
  timestamp: bigint | undefined;
  duration: bigint | undefined;
  shared: boolean;
  remote: ZipkinEndpoint | undefined;
  readonly annotations: ZipkinAnnotation[];
  readonly tags: Tag[];
}

/** An annotation that marks a moment of a call or a message; its endpoint and time are known. */
interface Mark {
  readonly value: string;
  readonly time: bigint;
  readonly endpoint: ZipkinEndpoint;
}

const KIND_OF_MARK: Readonly<Record<string, SpanKind | undefined>> = {
  cs: 'client',
  cr: 'client',
  sr: 'server',
  ss: 'server',
  ms: 'producer',
  mr: 'consumer',
  // On the wire: they belong to a message, or are events like others.
  ws: undefined,
  wr: undefined,
};

/** Returns the v2 spans of a v1 span: one for each service that wrote into it. */
export function splitV1(source: V1Span): ZipkinSpan[] {
  return new V1Splitter(source).split();
}

class V1Splitter {
  readonly #source: V1Span;
  readonly #first: Side;
  readonly #sides: Side[];
  readonly #marks = new Map<string, Mark>();
  readonly #timestamp: bigint;
  readonly #duration: bigint;

  constructor(source: V1Span) {
    this.#source = source;
    this.#first = newSide(undefined);
    this.#sides = [this.#first];
    this.#timestamp = source.timestampNano ?? 0n;
    this.#duration = source.durationNano ?? 0n;
  }

  split(): ZipkinSpan[] {
    this.#readAnnotations();
    this.#timeCalls();
    this.#timeMessages();
    this.#readBinaryAnnotations();
    const { traceId, parentId, id, name, debug } = this.#source;
    return this.#sides.map(side => ({
      traceId,
      parentId,
      id,
      name,
      debug,
      kind: side.kind,
      timestampNano: side.timestamp,
      durationNano: side.duration,
      localEndpoint: side.endpoint,
      remoteEndpoint: side.remote,
      annotations: side.annotations,
      tags: side.tags,
      shared: side.shared,
    }));
  }

  #readAnnotations(): void {
    const ordered = this.#source.annotations.toSorted((a, b) => {
      const difference = (a.timeUnixNano ?? 0n) - (b.timeUnixNano ?? 0n);
      return difference < 0n ? -1 : difference > 0n ? 1 : 0;
    });
    for (const { timeUnixNano, value, endpoint } of ordered) {
      const side = this.#sideOf(endpoint);
      if (endpoint === undefined || timeUnixNano === undefined || !Object.hasOwn(KIND_OF_MARK, value)) {
        side.annotations.push({ timeUnixNano, value });
        continue;
      }
      side.kind = KIND_OF_MARK[value] ?? side.kind;
      // A mark that comes again takes the place of the first; that one is an event.
      const before = this.#marks.get(value);
      if (before !== undefined) this.#keep(before);
      this.#marks.set(value, { value, time: timeUnixNano, endpoint });
    }
  }

  #timeCalls(): void {
    const { cr, ss } = this.#known();
    // Where a beginning is missing, the span's own may be it.
    if (this.#known().cs === undefined) this.#addBeginning('cs', cr);
    if (this.#known().sr === undefined) this.#addBeginning('sr', ss);
    const { cs, sr } = this.#known();
    if (cs !== undefined && sr !== undefined) {
      // The span's own times are the client's.
      this.#time(cs, cr);
      const client = this.#sideOf(cs.endpoint);
      const isLoopback = isSameService(cs.endpoint, sr.endpoint);
      if (isLoopback) client.kind = 'client';
      const server = isLoopback ? this.#addSide(sr.endpoint) : this.#sideOf(sr.endpoint);
      server.kind = 'server';
      server.shared = true;
      server.timestamp = sr.time;
      if (ss !== undefined) server.duration = ss.time - sr.time;
      if (cr === undefined && this.#duration === 0n) client.duration = undefined;
    } else if (cs !== undefined && cr !== undefined) {
      this.#time(cs, cr);
      this.#keep(ss);
    } else if (sr !== undefined && ss !== undefined) {
      this.#time(sr, ss);
      this.#keep(cr);
    } else this.#timeIncomplete();
    // v1 has no `shared`: a server half without times of its own has those of a client half elsewhere.
    const hasNoTimes = this.#timestamp === 0n || (ss !== undefined && this.#duration === 0n);
    if (cs === undefined && sr !== undefined && hasNoTimes) this.#sideOf(sr.endpoint).shared = true;
  }

  #addBeginning(value: 'cs' | 'sr', end: Mark | undefined): void {
    if (end === undefined || this.#timestamp === 0n || this.#duration === 0n) return;
    if (this.#timestamp + this.#duration !== end.time) return;
    this.#marks.set(value, { value, time: this.#timestamp, endpoint: end.endpoint });
  }

  #timeIncomplete(): void {
    const { cs, cr, sr, ss } = this.#known();
    for (const side of this.#sides) {
      const [begin, end] = side.kind === 'client' ? [cs, cr] : side.kind === 'server' ? [sr, ss] : [];
      if (begin !== undefined) side.timestamp = begin.time;
      if (end !== undefined) side.annotations.push({ timeUnixNano: end.time, value: end.value });
    }
    if (this.#timestamp !== 0n) this.#first.timestamp = this.#timestamp;
    this.#first.duration = this.#duration === 0n ? undefined : this.#duration;
  }

  #timeMessages(): void {
    const { ms, mr, ws, wr } = this.#known();
    if (ms !== undefined && mr !== undefined) {
      const producer = this.#sideOf(ms.endpoint);
      const isLoopback = isSameService(ms.endpoint, mr.endpoint);
      if (isLoopback) producer.kind = 'producer';
      const consumer = isLoopback ? this.#addSide(mr.endpoint) : this.#sideOf(mr.endpoint);
      consumer.kind = 'consumer';
      consumer.shared = true;
      consumer.timestamp = (wr ?? mr).time;
      if (wr !== undefined) consumer.duration = mr.time - wr.time;
      producer.timestamp = ms.time;
      producer.duration = ws === undefined ? undefined : ws.time - ms.time;
    } else if (ms !== undefined) {
      this.#time(ms, ws);
      this.#keep(wr);
    } else if (mr !== undefined) {
      this.#time(wr ?? mr, wr === undefined ? undefined : mr);
      this.#keep(ws);
    } else {
      this.#keep(ws);
      this.#keep(wr);
    }
  }

  /** Makes a mark an event of the side that wrote it. */
  #keep(mark: Mark | undefined): void {
    if (mark !== undefined)
      this.#sideOf(mark.endpoint).annotations.push({ timeUnixNano: mark.time, value: mark.value });
  }

  /** Gives a side the span's own times, or those of its marks. */
  #time(begin: Mark, end: Mark | undefined): void {
    const side = this.#sideOf(begin.endpoint);
    if (this.#timestamp !== 0n && this.#duration !== 0n) {
      side.timestamp = this.#timestamp;
      side.duration = this.#duration;
    } else {
      side.timestamp = begin.time;
      if (end !== undefined) side.duration = end.time - begin.time;
    }
  }

  #readBinaryAnnotations(): void {
    const addresses: Record<'ca' | 'sa' | 'ma', ZipkinEndpoint[]> = { ca: [], sa: [], ma: [] };
    const ordered = this.#source.binaryAnnotations.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    for (const { key, value, endpoint } of ordered) {
      // The endpoint of an address is that address, not who wrote it.
      if (value === true && endpoint !== undefined && (key === 'ca' || key === 'sa' || key === 'ma')) {
        addresses[key].push(endpoint);
      } else if (key !== 'lc' || value !== '') this.#sideOf(endpoint).tags.push([key, value]);
      // An empty "lc" only says whose span it is.
      else this.#sideOf(endpoint);
    }
    this.#setRemotes(addresses);
  }

  #setRemotes({ ca, sa, ma }: Readonly<Record<'ca' | 'sa' | 'ma', readonly ZipkinEndpoint[]>>): void {
    const { cs, cr, sr, ss, ms, mr } = this.#known();
    const client = cs ?? cr;
    const server = sr ?? ss;
    if (client === undefined && server === undefined && (ca.length > 0 || sa.length > 0)) {
      const from = ca.at(-1);
      const to = sa.at(-1);
      // Without any mark: who called whom, if both are known; a call from outside; or just an address.
      if (from !== undefined && to !== undefined) this.#sideOf(from).remote = to;
      else if (to !== undefined) this.#first.remote = to;
      else {
        this.#first.kind = 'server';
        this.#first.remote = from;
      }
      return;
    }
    if (server !== undefined) this.#setRemote(server.endpoint, ca);
    if (client !== undefined) this.#setRemote(client.endpoint, sa);
    if (ms !== undefined) this.#setRemote(ms.endpoint, ma);
    if (mr !== undefined) this.#setRemote(mr.endpoint, ma);
  }

  /**
   * Sets the other end of the side that an endpoint wrote. Finagle writes addresses on both sides, each under its own name:
   * one under another name tells more; under the own name only the address is true.
   */
  #setRemote(own: ZipkinEndpoint, candidates: readonly ZipkinEndpoint[]): void {
    const found = candidates.findLast(candidate => !isSameService(candidate, own)) ?? candidates.at(-1);
    if (found === undefined || isSameEndpoint(found, own)) return;
    this.#sideOf(own).remote = isSameService(found, own) ? { ...found, serviceName: undefined } : found;
  }

  #known(): { readonly [Value in 'cs' | 'cr' | 'sr' | 'ss' | 'ms' | 'mr' | 'ws' | 'wr']: Mark | undefined } {
    const mark = (value: string) => this.#marks.get(value);
    return {
      cs: mark('cs'),
      cr: mark('cr'),
      sr: mark('sr'),
      ss: mark('ss'),
      ms: mark('ms'),
      mr: mark('mr'),
      ws: mark('ws'),
      wr: mark('wr'),
    };
  }

  /** The side of a service; what names no endpoint belongs to the first. */
  #sideOf(endpoint: ZipkinEndpoint | undefined): Side {
    if (endpoint === undefined) return this.#first;
    if (this.#first.endpoint === undefined) {
      this.#first.endpoint = endpoint;
      return this.#first;
    }
    const known = this.#sides.find(side => isSameService(side.endpoint, endpoint));
    return known ?? this.#addSide(endpoint);
  }

  #addSide(endpoint: ZipkinEndpoint): Side {
    const side = newSide(endpoint);
    this.#sides.push(side);
    return side;
  }
}

function newSide(endpoint: ZipkinEndpoint | undefined): Side {
  return {
    endpoint,
    kind: undefined,
    timestamp: undefined,
    duration: undefined,
    shared: false,
    remote: undefined,
    annotations: [],
    tags: [],
  };
}

/** Zipkin's service names have no case. */
function isSameService(a: ZipkinEndpoint | undefined, b: ZipkinEndpoint | undefined): boolean {
  return (a?.serviceName ?? '').toLowerCase() === (b?.serviceName ?? '').toLowerCase();
}

function isSameEndpoint(a: ZipkinEndpoint, b: ZipkinEndpoint): boolean {
  return isSameService(a, b) && a.ipv4 === b.ipv4 && a.ipv6 === b.ipv6 && a.port === b.port;
}
