import { type AttributeValue, ValueType, valueOfText } from '../../model/attributes.ts';
import { kindWord, statusWord } from '../../model/status.ts';

/** Returns the value behind a text that `keyOf` of sql-value.ts made; undefined for nil. Statuses and kinds are their words. */
export function valueOfKey(key: string): AttributeValue | undefined {
  const text = key.slice(1);
  switch (key[0]) {
    case 'i':
      return BigInt(text);
    case 'f':
      return text === 'inf' ? Infinity : text === '-inf' ? -Infinity : Number(text);
    case 's':
      return text;
    case 'b':
      return text === 'true';
    case 't':
      return statusWord(Number(text));
    case 'k':
      return kindWord(Number(text));
    case 'a':
      return valueOfText(ValueType.array, text);
    default:
      return undefined;
  }
}
