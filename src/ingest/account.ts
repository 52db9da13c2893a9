import type { DecodeReport } from '../formats/format.ts';
import { REASONS, type Reason } from '../formats/reasons.ts';

// The account of an ingest: what came of every record, by source. Nothing is dropped without a line in it.

/** The first record under a reason, so that a person can look. */
export interface FirstExample {
  /** Byte offset in the decompressed source. */
  readonly offset: number;
  readonly detail: string;
}

export interface ReasonCount {
  readonly reason: Reason;
  readonly count: number;
  readonly first: FirstExample;
}

/** What a source gave, as decoding saw it; the store adds what became of its spans. */
export interface SourceAccount {
  readonly source: string;
  /** Format names, in order of appearance, joined by `+`; undefined where none was recognised. */
  readonly format: string | undefined;
  /** Documents of trace formats. */
  readonly documents: number;
  readonly spans: number;
  /** Bytes as stored, and after decompression. */
  readonly bytes: number;
  readonly contentBytes: number;
  /** Records that gave no span. */
  readonly skipped: readonly ReasonCount[];
  /** Records that were kept and mended. */
  readonly repaired: readonly ReasonCount[];
  /** Why the source could not be read, or not to its end: a clause that follows its name. */
  readonly fault: { readonly message: string; readonly hint?: string } | undefined;
}

/** What was counted of a part of a source, as plain data. */
export interface PartialAccount {
  readonly documents: number;
  readonly formats: readonly string[];
  readonly skipped: readonly ReasonCount[];
  readonly repaired: readonly ReasonCount[];
}

/** Counts what decoders report about one source. */
export class AccountKeeper implements DecodeReport {
  documents = 0;
  #formats = new Set<string>();
  #skipped = new Map<Reason, { count: number; first: FirstExample }>();
  #repaired = new Map<Reason, { count: number; first: FirstExample }>();

  skip(reason: Reason, offset: number, detail: string): void {
    count(this.#skipped, reason, { offset, detail });
  }

  repair(reason: Reason, offset: number, detail: string): void {
    count(this.#repaired, reason, { offset, detail });
  }

  document(format: string): void {
    this.documents++;
    this.#formats.add(format);
  }

  /** Adds what was counted of the part of the source that follows. */
  add({ documents, formats, skipped, repaired }: PartialAccount): void {
    this.documents += documents;
    for (const format of formats) this.#formats.add(format);
    for (const { reason, count: times, first } of skipped) count(this.#skipped, reason, first, times);
    for (const { reason, count: times, first } of repaired) count(this.#repaired, reason, first, times);
  }

  get partial(): PartialAccount {
    const { documents, skipped, repaired } = this;
    return { documents, formats: [...this.#formats], skipped, repaired };
  }

  get format(): string | undefined {
    return this.#formats.size === 0 ? undefined : [...this.#formats].join('+');
  }

  /** Reasons in the order of the catalogue, so that the account does not depend on the order of the faults. */
  get skipped(): ReasonCount[] {
    return listOf(this.#skipped);
  }

  get repaired(): ReasonCount[] {
    return listOf(this.#repaired);
  }
}

function count(
  counts: Map<Reason, { count: number; first: FirstExample }>,
  reason: Reason,
  { offset, detail }: FirstExample,
  times = 1,
): void {
  const known = counts.get(reason);
  if (known === undefined) counts.set(reason, { count: times, first: { offset, detail: detail.slice(0, 200) } });
  else known.count += times;
}

function listOf(counts: Map<Reason, { count: number; first: FirstExample }>): ReasonCount[] {
  const order = Object.keys(REASONS);
  return [...counts]
    .map(([reason, { count: total, first }]) => ({ reason, count: total, first }))
    .sort((a, b) => order.indexOf(a.reason) - order.indexOf(b.reason));
}

export function accountOf(
  source: string,
  { format, documents, skipped, repaired }: AccountKeeper,
  counts: { readonly spans: number; readonly bytes: number; readonly contentBytes: number },
  fault?: SourceAccount['fault'],
): SourceAccount {
  return { source, format, documents, ...counts, skipped, repaired, fault };
}

/** Says whether trace data is missing because of what an account lists. */
export function lostRecords(account: SourceAccount): number {
  return account.skipped
    .filter(({ reason }) => REASONS[reason].severity === 'lost')
    .reduce((total, { count: lost }) => total + lost, 0);
}
