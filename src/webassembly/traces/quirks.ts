// Bits of `Quirk` (src/model/span-batch.ts).

export const QUIRK_START_UNKNOWN: u32 = 2;
/** Says nothing that assembly asks for, where no two spans have one id. */
export const QUIRK_END_UNKNOWN: u32 = 4;
export const QUIRK_SHARED_PARENT: u32 = 8;
/** `SHARED_SPAN_MASK`. */
export const SHARED_SPAN_MASK: u64 = 0x6861_6c66_7365_7276;
