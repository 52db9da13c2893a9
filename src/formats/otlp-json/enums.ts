import { SPAN_KINDS, STATUS_CODES } from '../../model/status.ts';

// Kinds and status codes as OTLP/JSON writes them: the number (also as a string), `SPAN_KIND_SERVER`, `SERVER`, `Server`.

/** Returns the OTLP number of a span kind; 0 for what is none. */
export function kindNumber(bytes: Uint8Array, from: number, to: number): number {
  return numberOf(bytes, from, to, 'span_kind_', SPAN_KINDS);
}

/** Returns the OTLP number of a status code; 0 for what is none. */
export function statusNumber(bytes: Uint8Array, from: number, to: number): number {
  return numberOf(bytes, from, to, 'status_code_', STATUS_CODES);
}

function numberOf(bytes: Uint8Array, from: number, to: number, prefix: string, words: readonly string[]): number {
  if (to - from === 1) {
    const digit = bytes[from]! - 48;
    return digit >= 0 && digit < words.length ? digit : 0;
  }
  const word = Buffer.from(bytes.subarray(from, to)).toString('latin1').toLowerCase();
  return Math.max(0, words.indexOf(word.startsWith(prefix) ? word.slice(prefix.length) : word));
}
