// What the decoders in TypeScript are asked for: the meaning of what was not met before. An exception that one of these throws
// ends the run before the span in hand, which is then read in TypeScript.

/** Makes an attribute of the bytes; returns its key, and leaves its value for `attributeValue`. */
@external("host", "attributeKey")
export declare function attributeKey(from: u32, to: u32): u32;
@external("host", "attributeValue")
export declare function attributeValue(): u32;
@external("host", "nameOf")
export declare function nameOf(from: u32, to: u32): u32;
/** Returns the id of the status written in the bytes. */
@external("host", "statusOf")
export declare function statusOf(from: u32, to: u32): u32;
/** Returns the id of the operation of the current service and scope. */
@external("host", "operationOf")
export declare function operationOf(name: u32, kind: u32, flags: u32): u32;
