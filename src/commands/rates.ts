import type { Field } from '../report/report.ts';
import type { Rates } from '../store/rates.ts';
import type { TableColumn } from '../terminal/columns.ts';
import { formatCount, formatDuration, formatRate, formatShare, rateUnitOf } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';

// Rates, errors and durations as `services`, `operations` and `summary` show them.

export interface RateJson {
  readonly serviceName: string;
  readonly spanCount: number;
  readonly requestCount: number;
  readonly ratePerSecond: number;
  readonly errorCount: number;
  readonly errorRate: number;
  readonly p50Nano: bigint;
  readonly p90Nano: bigint;
  readonly p95Nano: bigint;
  readonly p99Nano: bigint;
  readonly maxNano: bigint;
  readonly selfNano: bigint;
  readonly impact: number;
}

/** Adds what depends on the time covered and on the other rows: rate, error rate, impact. */
export function rateJson<Row extends Rates>(
  rows: readonly Row[],
  coveredNano: bigint,
): (Omit<Row, 'totalNano'> & RateJson)[] {
  let most = 0n;
  for (const { totalNano } of rows) if (totalNano > most) most = totalNano;
  const seconds = Number(coveredNano) / 1e9;
  return rows.map(({ totalNano, ...row }) => ({
    ...row,
    ratePerSecond: seconds > 0 ? row.requestCount / seconds : 0,
    errorRate: row.requestCount === 0 ? 0 : row.errorCount / row.requestCount,
    // Rate times mean duration is the time spent per second: the sum of durations, but for a factor that all share.
    impact: most === 0n ? 0 : Number(totalNano) / Number(most),
  }));
}

export const RATE_ORDERS = ['impact', 'requests', 'errors', 'error-rate', 'p50', 'p95', 'p99', 'max', 'self'] as const;
type RateOrder = (typeof RATE_ORDERS)[number] | 'service' | 'name';

/** Sorts rows, largest first unless told otherwise; ties by name. */
export function sortRates<Row extends RateJson & { readonly name?: string; readonly kind?: string }>(
  rows: readonly Row[],
  order: { field: RateOrder; ascending: boolean },
): Row[] {
  const keyOf = (row: Row): string | number | bigint => {
    switch (order.field) {
      case 'service':
        return row.serviceName;
      case 'name':
        return row.name ?? '';
      case 'requests':
        return row.requestCount;
      case 'errors':
        return row.errorCount;
      case 'error-rate':
        return row.errorRate;
      case 'p50':
        return row.p50Nano;
      case 'p95':
        return row.p95Nano;
      case 'p99':
        return row.p99Nano;
      case 'max':
        return row.maxNano;
      case 'self':
        return row.selfNano;
      case 'impact':
        return row.impact;
    }
  };
  const sign = order.ascending ? 1 : -1;
  const compare = (a: string | number | bigint, b: string | number | bigint) => (a < b ? -1 : a > b ? 1 : 0);
  return rows.toSorted(
    (a, b) =>
      sign * compare(keyOf(a), keyOf(b)) ||
      compare(a.serviceName, b.serviceName) ||
      compare(a.name ?? '', b.name ?? '') ||
      compare(a.kind ?? '', b.kind ?? ''),
  );
}

/** The fields of a row, behind those that say what it is of. */
export function rateFields(first: readonly Field[]): Field[] {
  return [
    ...first,
    { name: 'requestCount', type: 'count', title: 'requests' },
    { name: 'ratePerSecond', type: 'rate', title: 'rate' },
    { name: 'errorCount', type: 'count', title: 'errors' },
    { name: 'errorRate', type: 'share', title: 'error rate' },
    { name: 'p50Nano', type: 'duration', title: 'p50' },
    { name: 'p90Nano', type: 'duration', title: 'p90' },
    { name: 'p95Nano', type: 'duration', title: 'p95' },
    { name: 'p99Nano', type: 'duration', title: 'p99' },
    { name: 'maxNano', type: 'duration', title: 'max' },
    { name: 'selfNano', type: 'duration', title: 'self' },
    { name: 'impact', type: 'share' },
    { name: 'spanCount', type: 'count', title: 'spans' },
  ];
}

interface RateColumn {
  readonly column: TableColumn;
  readonly cell: (row: RateJson) => Line;
}

/** The columns that tell what a table is ordered by; they always stay. */
const COLUMN_OF_ORDER: Readonly<Partial<Record<RateOrder, string>>> = {
  requests: 'REQUESTS',
  errors: 'ERRORS',
  'error-rate': 'ERRORS',
  p50: 'P50',
  p95: 'P95',
  p99: 'P99',
  max: 'MAX',
  self: 'SELF',
  impact: 'IMPACT',
};

/** The columns of a table for people, each with how its cell is made. What is nothing is a dot, so that the rest stands out. */
export function rateColumns(rows: readonly RateJson[], screen: Screen, order?: RateOrder): RateColumn[] {
  const { dot, error } = glyphs(screen.unicode);
  const nothing: Line = [styled(dot, 'dim')];
  const unit = rateUnitOf(rows.map(row => row.ratePerSecond));
  const right = (title: string, expendable: number, cell: (row: RateJson) => Line): RateColumn => ({
    column: {
      title,
      align: 'right',
      expendable: order !== undefined && COLUMN_OF_ORDER[order] === title ? 0 : expendable,
    },
    cell,
  });
  const requests = (title: string, expendable: number, cell: (row: RateJson) => Line) =>
    right(title, expendable, row => (row.requestCount === 0 ? nothing : cell(row)));
  const duration = (nanos: bigint): Line => [styled(formatDuration(nanos, screen.unicode))];
  return [
    right('SPANS', 7, row => [styled(formatCount(row.spanCount), 'dim')]),
    requests('REQUESTS', 0, row => [styled(formatCount(row.requestCount))]),
    requests('RATE', 5, row => [styled(formatRate(row.ratePerSecond, unit), 'dim')]),
    right('ERRORS', 0, row =>
      row.errorCount === 0
        ? nothing
        : [styled(`${error} ${formatCount(row.errorCount)} ${formatShare(row.errorRate).padStart(5)}`, 'error')],
    ),
    requests('P50', 2, row => duration(row.p50Nano)),
    requests('P90', 9, row => duration(row.p90Nano)),
    requests('P95', 0, row => duration(row.p95Nano)),
    requests('P99', 3, row => duration(row.p99Nano)),
    requests('MAX', 8, row => duration(row.maxNano)),
    right('SELF', 6, row => duration(row.selfNano)),
    right('IMPACT', 4, row => [styled(formatShare(row.impact), 'dim')]),
  ];
}
