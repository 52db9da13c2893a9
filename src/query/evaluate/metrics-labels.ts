import type { AttributeValue } from '../../model/attributes.ts';
import type { Trace, TraceNode } from '../../model/trace.ts';
import { type Reader, someOf } from './fields.ts';
import { isArray, type Value } from './values.ts';

// Values of fields as labels of series.

/** The value of a field; of many the first. */
export function firstValue(reader: Reader, node: TraceNode, trace: Trace): Value {
  let first: Value;
  someOf(reader)(node, trace, value => {
    first = value;
    return true;
  });
  return first;
}

/** A value as a label has it: words are texts. */
export function labelValue(value: Value): AttributeValue | undefined {
  return typeof value === 'object' && !isArray(value) ? value.word : value;
}
