// JSON as tailspan writes it: 64-bit integers as strings of decimal digits, absent fields left out, bytes as base64.

/** Returns a value as JSON text; indented by two spaces unless `compact`. */
export function jsonText(value: unknown, compact = false): string {
  return JSON.stringify(value, replacer, compact ? undefined : 2);
}

function replacer(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
