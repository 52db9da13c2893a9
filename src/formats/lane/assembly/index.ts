// The fast lane: reads the spans that look as spans nearly always do, and leaves the rest to TypeScript (see ../lane.ts).

export { jaegerJsonSpans, jaegerProcess } from "./jaeger-json";
export { otlpJsonSpans } from "./otlp-json";
export { protoSpans } from "./proto";
export {
  attributeCount, beginRun, committedTo, eventAttributeCount, eventCount, keyCount, lastFound, linkAttributeCount, linkCount, spanCount,
} from "./run";
export { zipkinJsonSpans } from "./zipkin-json";
export * from "./memory";
