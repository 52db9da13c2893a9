import type { AttributeValue } from '../../model/attributes.ts';
import { inventedId } from '../../model/ids.ts';
import type { SpanKind } from '../../model/status.ts';
import { textOf } from '../drafts/record.ts';
import type { SpanDraft } from '../drafts/span-draft.ts';
import { nanosOf } from '../drafts/times.ts';
import { attributeOfCell, isEmptyCell, jsonOfCell, type Row } from './cells.ts';

// Call graphs of Alibaba's clusters: a row is a call from an upstream microservice (um) to a downstream one (dm).
// https://github.com/alibaba/clusterdata/tree/master/cluster-trace-microservices-v2021
// ,traceid,timestamp,rpcid,um,rpctype,dm,interface,rt
// 0,015101cd15919399974329000e,16397576,0.1.1,35114acf…,rpc,b65fdc9b…,af42b5e3…,13
//
// `rpcid` is the path from the root: the caller of 0.1.2 is the callee of 0.1. A remote call stands there twice, with a positive
// response time as the caller saw it and a negative one as the callee did: the halves of a span that they share, as in Zipkin.
// Times are milliseconds since the data set begins.

/** Kinds by `rpctype`, seen from the caller. */
const KINDS: Readonly<Record<string, SpanKind>> = { mq: 'consumer' };

export function alibabaDraft(row: Row): SpanDraft {
  const text = (column: string) => textOf(jsonOfCell(row[column])) ?? '';
  const path = (text('rpcid') || text('rpc_id')).trim();
  const rt = nanosOf(text('rt'), 3) ?? 0n;
  const isServer = rt < 0n;
  const type = text('rpctype').toLowerCase();
  const kind: SpanKind = isServer ? 'server' : (KINDS[type] ?? 'client');
  const isCallee = isServer || kind === 'consumer';
  const [service, instance] = isCallee ? ['dm', 'dminstanceid'] : ['um', 'uminstanceid'];
  const attributes = new Map<string, AttributeValue>();
  for (const [column, cell] of Object.entries(row)) {
    // A column without a name holds the numbers of the rows.
    if (column !== '' && !READ.has(column) && !isEmptyCell(cell)) attributes.set(column, attributeOfCell(cell));
  }
  const resource = new Map<string, AttributeValue>();
  if (text(service) !== '') resource.set('service.name', text(service));
  if (text(instance) !== '') resource.set('service.instance.id', text(instance));
  if (kind === 'client' && text('dm') !== '') attributes.set('peer.service', text('dm'));
  return {
    traceId: text('traceid'),
    spanId: path === '' ? undefined : inventedId(path, 8),
    parentSpanId: path.includes('.') ? inventedId(path.slice(0, path.lastIndexOf('.')), 8) : undefined,
    shared: isServer,
    sharedParent: true,
    name: text('interface') || type,
    kind,
    startTimeUnixNano: nanosOf(text('timestamp'), 3),
    durationNano: isServer ? -rt : rt,
    attributes,
    resource,
  };
}

/** Columns that are fields of the span; the others say more of the call than a span has fields for. */
const READ: ReadonlySet<string> = new Set(['traceid', 'timestamp', 'rt']);
