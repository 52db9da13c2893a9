import { type JsonCursor, JsonKind, JsonSyntaxError, NEED_MORE } from './cursor.ts';

// The beginning of a JSON document as the set of its key paths: what formats are told apart by.

const MAX_DEPTH = 8;
/** Items of an array that are looked at; the first may be empty or odd. */
const MAX_ITEMS = 4;
const MAX_PATHS = 400;

/** What is seen of a document before it is read. */
export interface Outline {
  /** Paths such as `.data[].spans[].traceID`, in order of appearance; `[]` stands for any item. */
  readonly paths: ReadonlySet<string>;
  /** The document's first byte: `{` or `[`. */
  readonly opening: '{' | '[';
  /** True where the whole document was seen (or as much of it as is ever looked at). */
  readonly complete: boolean;
  /** Set where what was looked at is not JSON. */
  readonly error?: JsonSyntaxError;
}

/** Thrown where enough paths have been seen. */
const SEEN_ENOUGH = Symbol('seen enough');

/**
 * Returns the outline of the document that begins at the cursor's position, from at most `bytes` of it. The position
 * is left as it was.
 */
export function outlineOf(cursor: JsonCursor, bytes: number): Outline {
  const { position, end } = cursor;
  const opening = cursor.peek() === 123 ? '{' : '[';
  const limit = Math.min(end, position + bytes);
  const paths = new Set<string>();
  // The window is cut short for the look-ahead; the byte behind it is set to the 0 that every window ends with.
  const behind = cursor.bytes[limit]!;
  cursor.bytes[limit] = 0;
  cursor.end = limit;
  try {
    collect(cursor, '', 0, paths);
    return { paths, opening, complete: true };
  } catch (error) {
    if (error instanceof JsonSyntaxError) return { paths, opening, complete: true, error };
    if (error !== NEED_MORE && error !== SEEN_ENOUGH) throw error;
    return { paths, opening, complete: error === SEEN_ENOUGH };
  } finally {
    cursor.bytes[limit] = behind;
    cursor.end = end;
    cursor.position = position;
  }
}

function collect(cursor: JsonCursor, path: string, depth: number, paths: Set<string>): void {
  if (paths.size >= MAX_PATHS) throw SEEN_ENOUGH;
  const kind = cursor.kind();
  if (depth < MAX_DEPTH && kind === JsonKind.object) {
    cursor.tryOpenObject();
    for (let first = true; cursor.nextKey(first); first = false) {
      const key = `${path}.${cursor.textString()}`;
      paths.add(key);
      collect(cursor, key, depth + 1, paths);
    }
  } else if (depth < MAX_DEPTH && kind === JsonKind.array) {
    cursor.tryOpenArray();
    const item = `${path}[]`;
    let count = 0;
    for (let first = true; cursor.nextItem(first); first = false) {
      paths.add(item);
      if (count++ < MAX_ITEMS) collect(cursor, item, depth + 1, paths);
      else cursor.skipValue();
    }
  } else cursor.skipValue();
}
