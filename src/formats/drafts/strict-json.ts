// What the JSON cursor takes though it is not JSON, for records that `JSON.parse` reads.

/** Stands for NaN, for which JSON has no number. */
export const NAN_TEXT = '0e-4242';

/** Makes JSON of bare `NaN` and `Infinity`, of commas before an end and of control characters in strings. */
export function strictJson(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\bInfinity\b|\bNaN\b|,(?=\s*[}\]])/gs, part => {
    if (part === 'NaN') return NAN_TEXT;
    // Beyond the largest double.
    if (part === 'Infinity') return '1e999';
    if (part === ',') return '';
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    return part.replace(/[\0-\x1f]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  });
}
