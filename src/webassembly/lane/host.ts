// What the decoders in TypeScript are asked for: the meaning of what was not met before. An exception that one of these throws
// ends the run before the span in hand, which is then read in TypeScript.

/**
 * Makes an attribute of the bytes, which are written in `form`; returns its key, and leaves at `ANSWER` its value, and 1 where it is worth
 * remembering. A key of `FIELD` or more (tags.ts) says that it is a field of the span.
 */
@external("host", "attributeKey")
export declare function attributeKey(form: u32, from: u32, to: u32): u32;
/** Returns the id of an attribute key written in a form of keys; `FIELD` where it says, or may say, something else of a span. */
@external("host", "keyOf")
export declare function keyOf(form: u32, from: u32, to: u32): u32;
/** Takes the values that are new (values.ts), which makes room for more. */
@external("host", "takeValues")
export declare function takeValues(): void;
@external("host", "nameOf")
export declare function nameOf(from: u32, to: u32): u32;
/** Returns the id of the status written in the bytes. */
@external("host", "statusOf")
export declare function statusOf(from: u32, to: u32): u32;
/** Returns the id of the operation of the current service and scope. */
@external("host", "operationOf")
export declare function operationOf(name: u32, kind: u32, flags: u32, quirks: u32): u32;

// Of formats that say by tags what has no field.

/** Returns the id of the status that these say: an error mark, and ids of texts. */
@external("host", "statusOfTags")
export declare function statusOfTags(hasError: u32, code: u32, description: u32, errorText: u32): u32;
/** Makes the service and scope current; returns the resource, and leaves for `placeContext` what stands for service and scope. */
@external("host", "placeOf")
export declare function placeOf(service: u32, resourceTags: u32, scopeName: u32, scopeVersion: u32): u32;
@external("host", "placeContext")
export declare function placeContext(): u32;

/**
 * Jaeger: returns the number of a process in its trace, which the span at `span` names; `embedded` is one more than the resource that
 * the span describes itself, or 0.
 */
@external("host", "processOf")
export declare function processOf(from: u32, to: u32, span: u32, embedded: u32): u32;
/** Zipkin: returns what stands for some resource tags and one more; 0 stands for none. */
@external("host", "withResourceTag")
export declare function withResourceTag(tags: u32, tag: u32): u32;
/** Zipkin: returns the name of the event in a text, and puts its attributes into `LIST`; `eventAttributeCount` says how many. */
@external("host", "eventName")
export declare function eventName(from: u32, to: u32): u32;
@external("host", "eventAttributeCount")
export declare function eventAttributeCount(): u32;
