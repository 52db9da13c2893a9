import type { JsonFormat } from './format.ts';
import type { Outline } from './json/outline.ts';

// JSON that is trace data, or comes from a trace tool, in a format that is not read: recognised so that the refusal can
// name it. An entry goes when its format comes.

const hasAll =
  (...keys: readonly string[]) =>
  ({ paths }: Outline) =>
    ['', '[]', '[][]'].some(start => keys.every(key => paths.has(`${start}${key}`)));

const RECOGNISED: readonly (readonly [string, (outline: Outline) => boolean])[] = [
  ['a search answer of Elasticsearch', hasAll('.hits.hits')],
  ['a service map document of Data Prepper', hasAll('.hashId', '.traceGroupName')],
  ['an index template of OpenSearch', hasAll('.mappings')],
  ['an index template of OpenSearch', hasAll('.template.mappings')],
  ['a search answer of Grafana Tempo: it holds summaries, not traces', hasAll('.traces[].rootTraceName')],
  ["a search answer of Jaeger's API v3: it holds summaries, not traces", hasAll('.summaries[].rootServiceName')],
  ['an answer of the SigNoz query API without spans', hasAll('.result[].list[].data')],
  ['an answer of the SigNoz query API without spans', hasAll('.data.result[].list[].data')],
];

/** What stands between the rows of JSONEachRowWithProgress. */
const isProgress = hasAll('.progress.read_rows');

export const unread: JsonFormat = {
  name: 'unread',
  title: 'not read',
  family: 'json',
  recognised: 'its keys',
  isLoose: true,

  sniff(outline) {
    if (!outline.complete) return undefined;
    if (outline.paths.size === 0 && outline.error === undefined) {
      return { skip: 'no-spans', detail: outline.opening === '[' ? 'an empty array' : 'an empty object' };
    }
    if (isProgress(outline)) return { skip: 'no-spans', detail: 'how far a query of ClickHouse has come' };
    const found = RECOGNISED.find(([, test]) => test(outline));
    return found && { skip: 'unread-format', detail: found[0] };
  },

  open: () => () => ({}),
};
