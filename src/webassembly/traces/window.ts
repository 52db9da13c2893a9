import {
  ATTRIBUTES, ATTRIBUTE_END, DURATION, FAILED, KIND, OPERATION, PARENT_ID, QUIRKS, RESOURCE, SERVICE, SPAN_ID, START, STATUS, TRACE_ID, UNSETTLED,
} from "./memory";

// What is left of a window when settled traces have been written.

/** Has the rows that `UNSETTLED` lists, which ascend, become the first ones of the window. */
export function keepRows(count: u32): void {
  let items: u32 = 0;
  for (let to: u32 = 0; to < count; to++) {
    const from = load<u32>(UNSETTLED + to * 4);
    // The end before this one was not written over: where the row moves, all that was written is below it.
    const firstItem = from == 0 ? 0 : load<u32>(ATTRIBUTE_END + (from - 1) * 4);
    const lastItem = load<u32>(ATTRIBUTE_END + from * 4);
    if (from != to) {
      v128.store(TRACE_ID + to * 16, v128.load(TRACE_ID + from * 16));
      store<u64>(SPAN_ID + to * 8, load<u64>(SPAN_ID + from * 8));
      store<u64>(PARENT_ID + to * 8, load<u64>(PARENT_ID + from * 8));
      store<u64>(START + to * 8, load<u64>(START + from * 8));
      store<u64>(DURATION + to * 8, load<u64>(DURATION + from * 8));
      store<u8>(KIND + to, load<u8>(KIND + from));
      store<u8>(QUIRKS + to, load<u8>(QUIRKS + from));
      store<u8>(FAILED + to, load<u8>(FAILED + from));
      store<u32>(SERVICE + to * 4, load<u32>(SERVICE + from * 4));
      store<u32>(OPERATION + to * 4, load<u32>(OPERATION + from * 4));
      store<u32>(RESOURCE + to * 4, load<u32>(RESOURCE + from * 4));
      store<u32>(STATUS + to * 4, load<u32>(STATUS + from * 4));
      moveItems(items, firstItem, lastItem);
    }
    items += lastItem - firstItem;
    store<u32>(ATTRIBUTE_END + to * 4, items);
  }
}

/** Moves items down; they may overlap with where they go. */
@inline
function moveItems(to: u32, from: u32, end: u32): void {
  let target = ATTRIBUTES + to * 4;
  let source = ATTRIBUTES + from * 4;
  const last = ATTRIBUTES + end * 4;
  for (; source + 16 <= last; source += 16, target += 16) v128.store(target, v128.load(source));
  for (; source < last; source += 4, target += 4) store<u32>(target, load<u32>(source));
}
