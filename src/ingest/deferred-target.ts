import type { SpanBatch } from '../model/span-batch.ts';
import type { SourceAccount } from './account.ts';
import type { IngestTarget } from './target.ts';

/**
 * A target that is still being opened. Decoding begins at once, and what it gives waits until the target is there: for a
 * small source the two take as long as each other. `nextAttributeId` must be known beforehand, as it is of a new database.
 */
export class DeferredTarget<Result> implements IngestTarget<Result> {
  readonly #opening: Promise<IngestTarget<Result>>;
  readonly #firstAttributeId: number;
  #target: IngestTarget<Result> | undefined;
  #isBegun = false;
  #waiting: SpanBatch[] = [];
  #producers = 0;

  constructor(opening: Promise<IngestTarget<Result>>, firstAttributeId: number) {
    this.#opening = opening;
    this.#firstAttributeId = firstAttributeId;
    // A failure is met by whoever awaits the target next; until then it is nobody's.
    opening.catch(() => {});
  }

  get nextAttributeId(): number {
    return this.#target?.nextAttributeId ?? this.#firstAttributeId;
  }

  newProducer(): number {
    return this.#target?.newProducer() ?? this.#producers++;
  }

  async begin(): Promise<void> {
    await this.#target?.begin();
    this.#isBegun = this.#target !== undefined;
  }

  async ready(): Promise<void> {
    await this.#open();
  }

  add(batch: SpanBatch): void {
    if (this.#target === undefined) this.#waiting.push(batch);
    else this.#target.add(batch);
  }

  async finish(account: SourceAccount): Promise<Result> {
    const target = await this.#open();
    return target.finish(account);
  }

  async abort(): Promise<void> {
    this.#waiting = [];
    if (this.#isBegun) await this.#target?.abort();
  }

  async #open(): Promise<IngestTarget<Result>> {
    const target = await this.#opening;
    if (this.#target === undefined) for (let number = 0; number < this.#producers; number++) target.newProducer();
    this.#target = target;
    if (!this.#isBegun) {
      this.#isBegun = true;
      await target.begin();
    }
    for (const batch of this.#waiting.splice(0)) target.add(batch);
    return target;
  }
}
