// The fast lane: reads the spans that look as spans nearly always do, and leaves the rest to TypeScript (see ../lane.ts).

export { jsonSpans } from "./json";
export { protoSpans } from "./proto";
export {
  attributeCount, beginRun, committedTo, eventAttributeCount, eventCount, keyCount, linkAttributeCount, linkCount, spanCount,
} from "./run";
export * from "./memory";
