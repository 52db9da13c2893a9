// The fast lane: reads the spans that look as spans nearly always do, and leaves the rest to TypeScript (see src/formats/lane/lane.ts).

export { jaegerJsonSpans, jaegerProcess } from "./jaeger-json";
export { otlpJsonSpans } from "./otlp-json";
export { protoSpans } from "./proto";
export {
  attributeCount, beginRun, committedTo, endRun, eventAttributeCount, eventCount, keyCount, lastFound, linkAttributeCount, linkCount, spanCount,
} from "./run";
export { continueIds, newValueCount, valuesTaken } from "./values";
export { zipkinJsonSpans } from "./zipkin-json";
export * from "./memory";
