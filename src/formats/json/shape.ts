import type { JsonCursor } from './cursor.ts';

/**
 * How a JSON value is read. Containers are walked, so that they may be of any size; records are read whole, in one go,
 * from the cursor's window. A value of a kind that the shape does not provide for is reported and passed over; `null`
 * is passed over in silence.
 */
export interface Shape {
  /** Reads a whole object. May be called again from its start when the window ended inside it. */
  readonly record?: (cursor: JsonCursor) => void;
  /** Reads a whole value of any kind. May be called again, as above. */
  readonly value?: (cursor: JsonCursor) => void;
  /** An object to be walked: the shape of each known field. */
  readonly fields?: Readonly<Record<string, Shape>>;
  /** An array to be walked: the shape of its items. */
  readonly items?: Shape;
  /**
   * Reads as many items of the array as it can at once, from where the array begins (`isFirst`) or an item ended; leaves the
   * position behind the last one it read. What it leaves is read item by item. The array is that of `items`, or a repeated one.
   */
  readonly run?: (cursor: JsonCursor, isFirst: boolean) => void;
  /** Instead of the value an array of such values may stand, or an array of such arrays. */
  readonly repeatable?: boolean;
  /** The array of `items` may end where the input does: its format does not ask for the closing bracket. */
  readonly mayStayOpen?: boolean;
  /**
   * As items of an array, how values of this shape nearly always begin and nothing else in their document does: there a large array
   * may be cut. Only where items stand for themselves, whatever stands before them.
   */
  readonly start?: RegExp;
  /** Called where the container begins that has these `fields` or `items`. */
  readonly open?: () => void;
  /** Called where the container ends, also when it ends because the input does. */
  readonly close?: () => void;
}
