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
  /** Called where the container begins. */
  readonly open?: () => void;
  /** Called where the container ends, also when it ends because the input does. */
  readonly close?: () => void;
}
