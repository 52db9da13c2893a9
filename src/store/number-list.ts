// Numbers that a statement is about, such as the ids of a trace's attributes. There may be thousands, and each that stands in a statement
// by itself is an expression which DuckDB binds, casts and folds; one text is taken apart when the statement runs, in a seventh of the time.

/** A list of numbers as SQL. */
export function numberList(numbers: readonly (number | bigint)[], type: 'BIGINT' | 'UINTEGER'): string {
  return `'[${numbers.join(',')}]'::${type}[]`;
}
