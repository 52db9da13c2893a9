import { isRecord, listOf } from '../drafts/record.ts';
import { recordFormat } from '../drafts/record-format.ts';
import { draftOfV1 } from './v1.ts';
import { draftOfV2 } from './v2.ts';

// Google Cloud Trace: traces of the API v1, and spans of the API v2, also as protobuf's JSON spells their names.
// {"projectId":"shop","traceId":"4bf9…","spans":[{"spanId":"15021731501236","name":"/checkout","startTime":"…","labels":{…}}]}
// {"spans":[{"name":"projects/shop/traces/4bf9…/spans/d182…","spanId":"d182…","displayName":{"value":"/checkout"},"startTime":"…",…}]}

export const googleCloudTrace = recordFormat({
  name: 'google-cloud-trace',
  title: 'Google Cloud Trace',
  recognised:
    'traces with `projectId`, `traceId` and `spans`, or spans with `displayName.value`, `spanId` and `startTime`',
  places: ['', '[]', '.traces[]', '.spans[]', '[].spans[]'],
  matches: has =>
    (has('.projectId') && has('.traceId') && has('.spans[].spanId') && has('.spans[].startTime')) ||
    (has('.displayName.value') && has('.spanId') && has('.startTime')) ||
    (has('.display_name.value') && has('.span_id') && has('.start_time')),
  open: context => ({
    read: record => {
      if (!isRecord(record)) return context.skip('unexpected-type', 'a trace or span that is no object');
      if (record.projectId === undefined) return context.emit(() => draftOfV2(record, context));
      // A list names traces alone, unless their spans are asked for (`view=COMPLETE`).
      if (record.spans === undefined) return context.skip('no-spans', 'a trace without its spans');
      for (const span of listOf(record.spans)) {
        if (isRecord(span)) context.emit(() => draftOfV1(record, span, context));
        else context.skip('unexpected-type', 'a span that is no object');
      }
    },
  }),
});
