import { emitChunk, emitPayload } from '../drafts/datadog.ts';
import { listOf, recordOf } from '../drafts/record.ts';
import { recordFormat } from '../drafts/record-format.ts';

// Datadog's traces as JSON: what tracers post to an agent (v0.3, v0.4), what loggers of tracers print, and what an agent sends on.
// https://docs.datadoghq.com/tracing/guide/send_traces_to_agent_by_api/
// [[{"trace_id":6249785623524942554,"span_id":228114450199004348,"parent_id":0,"name":"web.request","resource":"GET /users",
//    "service":"web","type":"web","start":1700000000000000000,"duration":1200000,"error":0,"meta":{…},"metrics":{…}}]]
// {"traces":[[…]]}   {"chunks":[{"priority":1,"spans":[…]}],"env":…} (v0.7)   {"tracerPayloads":[{"chunks":…}]}

export const datadogJson = recordFormat({
  name: 'datadog-json',
  title: 'Datadog traces as JSON',
  recognised: 'spans with `trace_id`, `span_id`, `start` and `duration`, and `service`, `resource` or `meta`',
  places: ['[]', '.traces[]', '.tracerPayloads[]', '.tracer_payloads[]', ''],
  matches: has =>
    isSpan(field => has(`[].${field}`)) ||
    isSpan(field => has(`.${field}`)) ||
    isSpan(field => has(`.chunks[].spans[].${field}`)) ||
    // A payload may have no chunks.
    (has('.chunks') && (has('.tracer_version') || has('.tracerVersion'))) ||
    has('.chunks[].spans[].spanID') ||
    has('.chunks[].spans[].traceID'),
  open: context => ({
    read: record => {
      if (Array.isArray(record)) return emitChunk(listOf(record), context);
      const payload = recordOf(record);
      if (payload.chunks === undefined) emitChunk([record], context);
      else emitPayload(payload, context);
    },
  }),
});

function isSpan(has: (field: string) => boolean): boolean {
  const isOwn = has('resource') || has('service') || has('meta') || has('metrics');
  return has('trace_id') && has('span_id') && has('start') && has('duration') && isOwn;
}
