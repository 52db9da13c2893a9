// Assembly of traces in which nothing is odd; the others, and the definitions, are TypeScript's (src/model/assembly.ts).

export { assembleTraces, beginAssembly, listUnsettled, position, settle, traceCount, traceInHand } from "./assembly";
export { groupRows, hasZipkin, numberTraces, orderTraces } from "./groups";
export * from "./memory";
export { keepRows } from "./window";
