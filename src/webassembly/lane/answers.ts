import { ANSWERS, ANSWER_BYTES, ANSWER_SETS, PROCESS_SETS, PROCESSES } from "./memory";

// What the host answered, by the numbers that it was asked about. Two slots in one line of the processor's cache for all questions that fall
// there, so it may forget.

/** What is asked; beside it, in higher bits, stands for whom (`READER_…`), for their numbers are not each other's. */
export const OPERATION: u32 = 1;
export const STATUS: u32 = 2;
export const PLACE: u32 = 3;
export const RESOURCE_TAG: u32 = 4;
/** Each trace has processes of its own, so these lie elsewhere: they would drive out what comes again. */
export const PROCESS: u32 = 5;
const READER_BIT: u32 = 4;

export const READER_OTLP: u32 = 0;
export const READER_JAEGER: u32 = 1 << READER_BIT;
export const READER_ZIPKIN: u32 = 2 << READER_BIT;

/** What `knows` found, or `learn` was told, last. */
export let answer: u32 = 0;
export let second: u32 = 0;

@inline
function setOf(question: u32, a: u32, b: u32, c: u32, d: u32): u32 {
  let hash: u32 = (question * 0x9e37_79b1 ^ a) * 0x85eb_ca6b;
  hash = (rotl<u32>(hash, 13) ^ b) * 0xc2b2_ae35;
  hash = (rotl<u32>(hash, 15) ^ c) * 0x9e37_79b1;
  hash = (rotl<u32>(hash, 13) ^ d) * 0x85eb_ca6b;
  hash ^= hash >> 16;
  const isProcess = (question & ((1 << READER_BIT) - 1)) == PROCESS;
  return isProcess ? PROCESSES + (hash & (PROCESS_SETS - 1)) * ANSWER_BYTES * 2 : ANSWERS + (hash & (ANSWER_SETS - 1)) * ANSWER_BYTES * 2;
}

@inline
function isAt(at: u32, question: u32, a: u32, b: u32, c: u32, d: u32): bool {
  return (
    load<u32>(at) == question && load<u32>(at, 4) == a && load<u32>(at, 8) == b && load<u32>(at, 12) == c && load<u32>(at, 16) == d
  );
}

/** Says whether the question, never 0, was answered before; then `answer` and `second` are what was said. */
export function knows(question: u32, a: u32, b: u32, c: u32, d: u32): bool {
  let at = setOf(question, a, b, c, d);
  if (!isAt(at, question, a, b, c, d)) {
    at += ANSWER_BYTES;
    if (!isAt(at, question, a, b, c, d)) return false;
  }
  answer = load<u32>(at, 20);
  second = load<u32>(at, 24);
  return true;
}

/** Keeps an answer, in place of the older one. The host is asked first: should it throw, nothing was learnt. */
export function learn(question: u32, a: u32, b: u32, c: u32, d: u32, first: u32, other: u32): void {
  const at = setOf(question, a, b, c, d);
  memory.copy(at + ANSWER_BYTES, at, ANSWER_BYTES);
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
