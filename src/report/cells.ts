import { formatCount, formatDuration, formatRate, formatRfc3339, formatShare, formatTime } from '../terminal/format.ts';
import { sanitize } from '../terminal/sanitize.ts';
import type { Screen } from '../terminal/screen.ts';
import { jsonText } from './json-text.ts';
import type { Field } from './report.ts';

// One value of a record as text, by the type of its field.

/** The value as JSON would have it, as one piece of text: for formats that machines read. */
export function exactCell(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'object') return jsonText(value, true);
  return String(value);
}

/** The value as people read it, in a pipe: times absolute, nothing cut. */
export function plainCell(field: Field, value: unknown): string {
  if (value === undefined || value === null) return '';
  if (field.type === 'time' && typeof value === 'bigint') return formatRfc3339(value);
  return readable(field, value) ?? sanitize(exactCell(value));
}

/** The value as people read it on a screen. */
export function screenCell(field: Field, value: unknown, screen: Screen): string {
  if (value === undefined || value === null) return '';
  if (field.type === 'time' && typeof value === 'bigint') {
    return formatTime(value, { utc: screen.utc, digits: 3, date: true });
  }
  if (field.type === 'duration' && typeof value === 'bigint') return formatDuration(value, screen.unicode);
  return readable(field, value) ?? sanitize(exactCell(value), screen.unicode);
}

function readable(field: Field, value: unknown): string | undefined {
  switch (field.type) {
    case 'duration':
      return typeof value === 'bigint' ? formatDuration(value) : undefined;
    case 'count':
      return typeof value === 'number' || typeof value === 'bigint' ? formatCount(value) : undefined;
    case 'share':
      return typeof value === 'number' ? formatShare(value) : undefined;
    case 'rate':
      return typeof value === 'number' ? formatRate(value) : undefined;
    case 'flag':
      return value === true ? 'yes' : 'no';
    case 'list':
      return Array.isArray(value) ? sanitize(value.map(item => exactCell(item)).join(', ')) : undefined;
    default:
      return undefined;
  }
}

/** Says whether a field's values are set to the right. */
export function isRightAligned(field: Field): boolean {
  return ['count', 'integer', 'duration', 'millis', 'share', 'rate'].includes(field.type);
}
