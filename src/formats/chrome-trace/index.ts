import { recordOf } from '../drafts/record.ts';
import { readRecord } from '../drafts/record-format.ts';
import type { JsonFormat } from '../format.ts';
import type { Shape } from '../json/shape.ts';
import { DECIMALS, Recording } from './recording.ts';

// Trace events as Chrome, Node.js, Bazel, tsc, ninja, clang and many others write them, and Perfetto shows them.
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
// [{"ph":"X","pid":1,"tid":7,"ts":12.5,"dur":3,"name":"parse","cat":"compile","args":{"file":"a.ts"}}, … with or without the `]`
// {"traceEvents":[{"ph":"B","pid":1,"tid":7,"ts":12.5,"name":"parse"},{"ph":"E","pid":1,"tid":7,"ts":15.5}],"otherData":{…}}

export const chromeTrace: JsonFormat = {
  name: 'chrome-trace',
  title: 'Chrome trace events',
  recognised: '`traceEvents`, or an array of events with `ph`',
  family: 'json',

  sniff({ paths, opening }) {
    const isArray = opening === '[' && paths.has('[].ph') && (paths.has('[].ts') || paths.has('[].pid'));
    if (isArray) return { container: 'array' };
    return opening === '{' && paths.has('.traceEvents') ? { container: 'object' } : undefined;
  },

  open(context, offsetOf) {
    const recording = new Recording(context);
    const decimals = new Set(DECIMALS);
    const event: Shape = {
      value: cursor => {
        const start = cursor.position;
        const record = readRecord(cursor, decimals);
        recording.read(recordOf(record), cursor.bytes.subarray(start, cursor.position), offsetOf(start));
      },
    };
    const about = (field: string): Shape => ({
      value: cursor => recording.describe(field, recordOf(readRecord(cursor))),
    });
    const bounds = { open: () => recording.begin(), close: () => recording.end() };
    return container =>
      container === 'array'
        ? { items: event, mayStayOpen: true, ...bounds }
        : {
            fields: { traceEvents: { items: event }, otherData: about('otherData'), metadata: about('metadata') },
            ...bounds,
          };
  },
};
