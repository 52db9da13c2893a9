import { ANSWERS, ANSWER_BYTES, ANSWER_COUNT } from "./memory";

// What the host answered, by the numbers that it was asked about. One slot a question, so it may forget.

/** What is asked; beside it, in higher bits, stands for whom (`READER_…`), for their numbers are not each other's. */
export const OPERATION: u32 = 1;
export const STATUS: u32 = 2;
export const PLACE: u32 = 3;
export const RESOURCE_TAG: u32 = 4;
export const PROCESS: u32 = 5;

export const READER_OTLP: u32 = 0;
export const READER_JAEGER: u32 = 1 << 4;
export const READER_ZIPKIN: u32 = 2 << 4;

/** What `knows` found, or `learn` was told, last. */
export let answer: u32 = 0;
export let second: u32 = 0;

@inline
function slotOf(question: u32, a: u32, b: u32, c: u32, d: u32): u32 {
  let hash: u32 = (question * 0x9e37_79b1 ^ a) * 0x85eb_ca6b;
  hash = (rotl<u32>(hash, 13) ^ b) * 0xc2b2_ae35;
  hash = (rotl<u32>(hash, 15) ^ c) * 0x9e37_79b1;
  hash = (rotl<u32>(hash, 13) ^ d) * 0x85eb_ca6b;
  hash ^= hash >> 16;
  return ANSWERS + (hash & (ANSWER_COUNT - 1)) * ANSWER_BYTES;
}

/** Says whether the question, never 0, was answered before; then `answer` and `second` are what was said. */
export function knows(question: u32, a: u32, b: u32, c: u32, d: u32): bool {
  const at = slotOf(question, a, b, c, d);
  if (
    load<u32>(at) != question || load<u32>(at, 4) != a || load<u32>(at, 8) != b || load<u32>(at, 12) != c || load<u32>(at, 16) != d
  ) return false;
  answer = load<u32>(at, 20);
  second = load<u32>(at, 24);
  return true;
}

/** Keeps an answer. The host is asked first: should it throw, nothing was learnt. */
export function learn(question: u32, a: u32, b: u32, c: u32, d: u32, first: u32, other: u32): void {
  const at = slotOf(question, a, b, c, d);
  store<u32>(at, question);
  store<u32>(at, a, 4);
  store<u32>(at, b, 8);
  store<u32>(at, c, 12);
  store<u32>(at, d, 16);
  store<u32>(at, first, 20);
  store<u32>(at, other, 24);
  answer = first;
  second = other;
}
