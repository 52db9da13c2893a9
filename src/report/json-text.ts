// JSON as tailspan writes it: 64-bit integers as strings of decimal digits, absent fields left out, bytes as base64.

/** What JSON lets through and a terminal would act on: C1 controls, bidirectional marks, and separators of lines. */
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Returns a value as JSON text; indented by two spaces unless `compact`. */
export function jsonText(value: unknown, compact = false): string {
  const text = JSON.stringify(value, replacer, compact ? undefined : 2);
  return text.replace(UNSAFE, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function replacer(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
