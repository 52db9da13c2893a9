import { NOT_FOR_THE_LANE } from '../lane/lane.ts';

// The tags of spans that are attributes of the resource. Spans of one process have the same ones in the same order, so that a list of
// tags is made once: of the list before its last tag, and of that.

const MAX_LISTS = 1 << 16;

interface TagList {
  readonly number: number;
  /** The list without the last tag; undefined where there is no tag at all. */
  readonly before: TagList | undefined;
  readonly key: string;
  readonly value: string;
  /** The lists that have one tag more, by that tag. */
  readonly longer: Map<string, TagList>;
}

/** Lists of tags, a bounded number of them: past it they are made anew, with numbers that go on. */
export class ResourceTags {
  /** The list without tags; its number is 0. */
  readonly none: TagList = { number: 0, before: undefined, key: '', value: '', longer: new Map() };
  readonly #lists = new Map<number, TagList>([[0, this.none]]);
  #count = 0;

  /** Returns a list with one more tag. */
  with(before: TagList, key: string, value: string): TagList {
    const tag = `${key.length} ${key}${value}`;
    let list = before.longer.get(tag);
    if (list === undefined) {
      if (this.#lists.size >= MAX_LISTS) this.#forget();
      list = { number: ++this.#count, before, key, value, longer: new Map() };
      before.longer.set(tag, list);
      this.#lists.set(list.number, list);
    }
    return list;
  }

  /** Returns the number of the list of one tag, which stands for the tag. */
  numberOf(key: string, value: string): number {
    return this.with(this.none, key, value).number;
  }

  /** Returns a list by its number. Throws, for the fast lane, where it was forgotten. */
  find(number: number): TagList {
    const list = this.#lists.get(number);
    if (list === undefined) throw NOT_FOR_THE_LANE;
    return list;
  }

  /** Returns the tags of a list in order. */
  tagsOf(list: TagList): (readonly [key: string, value: string])[] {
    const tags: (readonly [string, string])[] = [];
    for (let at = list; at.before !== undefined; at = at.before) tags.push([at.key, at.value]);
    return tags.reverse();
  }

  #forget(): void {
    this.#lists.clear();
    this.none.longer.clear();
    this.#lists.set(0, this.none);
  }
}
