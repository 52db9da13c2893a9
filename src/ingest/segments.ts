import { readSync } from 'node:fs';
import type { WriterTurn } from '../formats/columns/batch-writer.ts';
import type { Division } from '../formats/json/division.ts';
import type { JsonDocuments } from '../formats/json/documents.ts';
import { ChunkReader } from './source.ts';

// A large file of JSON, read by several decoders at once. It is cut into segments, of which each of n decoders reads every n-th, so
// that who reads what is the same every time. A segment begins at the first mark in its stretch of the file, and its decoder begins there on trust, as if
// it had read all before. Whether that was right is known to who reads the segment before: at its end he must stand at the very place
// at which the other one was put. Where he does not, or where a stretch has no mark, he reads on to the end of the file as if he were alone,
// and what others have read behind him is of no use. So what is read is what one decoder would read, whatever the file holds.

/** What of a file a decoder reads, as plain data. */
export interface Share {
  readonly file: SharedFile;
  /** It reads the segment with its index, and then every n-th. */
  readonly turn: WriterTurn;
  /** How the file is cut. Who reads its beginning finds that out. */
  readonly division?: Division;
}

export interface SharedFile {
  /** All read it through the same descriptor: it is the same file, whatever becomes of its name. Who opened it closes it. */
  readonly descriptor: number;
  readonly bytes: number;
  readonly segmentBytes: number;
  /** It is only shared if it takes longer to decode than to store. */
  readonly onlySlow: boolean;
}

export interface ShareListener {
  /** How the file may be cut is known. */
  onDivision(division: Division): void;
  /** So many bytes of the file are read. The decoder waits for the answer. */
  onProgress(bytes: number): void | Promise<void>;
  /** A segment is read, and what stands behind it was rightly begun by another decoder. */
  onSegment(): void;
  /** What others have begun behind here is not to be used: this decoder reads it itself. */
  onReadOn(): void;
}

/** Pieces in which a mark is looked for; each begins with the end of the one before, where a mark may stand on both. */
const PIECE = 1 << 16;
const OVERLAP = 1 << 10;
/** The first decoder asks after so many bytes whether it is known how the file may be cut. */
const STEP = 1 << 20;

/**
 * Reads a share. Returns whether that was the end of the file; where it was not, another decoder reads that. Throws `SourceDamage`
 * where the file cannot be read: that is its end, too.
 */
export async function readShare(documents: JsonDocuments, share: Share, listener: ShareListener): Promise<boolean> {
  const { file, turn } = share;
  const reader = new ChunkReader(file.descriptor, true);
  let at = 0;
  const readTo = async (to: number) => {
    for await (const chunk of reader.chunks(at, to)) {
      documents.push(chunk);
      at += chunk.length;
      await listener.onProgress(at);
    }
  };
  let { division } = share;
  for (let step = 0; division === undefined && step < file.segmentBytes; ) {
    step = Math.min(step + STEP, file.segmentBytes);
    await readTo(step);
    const found = documents.division;
    if (found === undefined) continue;
    if (file.onlySlow && !found.isSlow) break;
    division = found;
    listener.onDivision(division);
  }
  let segment = turn.index;
  for (; division !== undefined; segment += turn.of) {
    if (segment > 0) {
      const from = findCut(file, segment, division.mark);
      if (from === undefined) return false;
      documents.beginAt(from, division.place);
      at = from;
    }
    const to = findCut(file, segment + 1, division.mark);
    if (to === undefined) break;
    await readTo(to);
    if (!documents.isAt(division.place)) break;
    listener.onSegment();
  }
  if ((segment + 1) * file.segmentBytes < file.bytes) listener.onReadOn();
  await readTo(Number.POSITIVE_INFINITY);
  return true;
}

/** Where a segment probably begins; undefined where no mark stands in its stretch of the file, or none can be read. */
function findCut({ descriptor, bytes, segmentBytes }: SharedFile, segment: number, mark: RegExp): number | undefined {
  const piece = Buffer.allocUnsafe(PIECE);
  const from = segment * segmentBytes;
  const to = Math.min(from + segmentBytes, bytes);
  try {
    for (let at = from; at < to; at += PIECE - OVERLAP) {
      const length = readSync(descriptor, piece, 0, Math.min(PIECE, to - at), at);
      const found = mark.exec(piece.toString('latin1', 0, length));
      if (found !== null) return at + found.index + found[0].length;
    }
  } catch {
    // Who reads the segment before reads on, and meets what is wrong in its place.
  }
  return undefined;
}
