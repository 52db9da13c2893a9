// How an input of JSON may be cut into segments, so that readers that know nothing of each other read them at the same time.

/**
 * Where reading stands between two values of one kind, as plain data: another reader that is put there reads what follows as the
 * one that has read all before it.
 */
export interface Place {
  /** The document among whose items it is; undefined between two documents. */
  readonly document: PlaceInDocument | undefined;
}

export interface PlaceInDocument {
  /** The name of its format, and what the format calls its container. */
  readonly format: string;
  readonly container: string;
  /** Where it begins in the source. */
  readonly offset: number;
  /** The way to the items: a field of an object, or undefined for what stands in an array. */
  readonly path: readonly (string | undefined)[];
}

export interface Division {
  /** Where reading stands at each cut. */
  readonly place: Place;
  /** What ends where the input can probably be cut. That it can is known only to who has read so far. */
  readonly mark: RegExp;
  /** What is read takes longer to decode than to store. */
  readonly isSlow: boolean;
}

/** Documents that begin on lines of their own. */
export function byDocuments(isSlow: boolean): Division {
  return { place: { document: undefined }, mark: /\n(?=[{[])/, isSlow };
}

/** Items of an array in a document; `itemStart` is how they begin. */
export function byItems(document: PlaceInDocument, itemStart: RegExp, isSlow: boolean): Division {
  return { place: { document }, mark: new RegExp(`\\}(?=\\s*,\\s*${itemStart.source})`), isSlow };
}

export function isSamePlace({ document: a }: Place, { document: b }: Place): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.format === b.format &&
    a.container === b.container &&
    a.offset === b.offset &&
    a.path.length === b.path.length &&
    a.path.every((step, index) => step === b.path[index])
  );
}
