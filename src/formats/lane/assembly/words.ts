// Field names of OTLP JSON as words, first byte lowest: whole where they have at most 8 bytes, else their first and last 8. A test
// compares them with the names.

export const NAME: u64 = 0x656d616e;
export const KIND: u64 = 0x646e696b;
export const FLAGS: u64 = 0x7367616c66;
export const LINKS: u64 = 0x736b6e696c;
export const SPAN_ID: u64 = 0x64496e617073;
export const EVENTS: u64 = 0x73746e657665;
export const STATUS: u64 = 0x737574617473;
export const TRACE_ID: u64 = 0x64496563617274;
export const TRACE_STATE: u64 = 0x6174536563617274;
export const TRACE_STATE_END: u64 = 0x6574617453656361;
export const ATTRIBUTES: u64 = 0x7475626972747461;
export const ATTRIBUTES_END: u64 = 0x7365747562697274;
export const PARENT_SPAN_ID: u64 = 0x7053746e65726170;
export const PARENT_SPAN_ID_END: u64 = 0x64496e617053746e;
export const END_TIME: u64 = 0x55656d6954646e65;
export const START_TIME: u64 = 0x6d69547472617473;
export const TIME: u64 = 0x78696e55656d6974;
export const UNIX_NANO_END: u64 = 0x6f6e614e78696e55;
export const DROPPED_ATTRIBUTES: u64 = 0x41646570706f7264;
export const DROPPED_EVENTS: u64 = 0x45646570706f7264;
export const DROPPED_LINKS: u64 = 0x4c646570706f7264;
export const DROPPED_ATTRIBUTES_END: u64 = 0x746e756f43736574;
export const DROPPED_EVENTS_END: u64 = 0x746e756f4373746e;
export const DROPPED_LINKS_END: u64 = 0x746e756f43736b6e;
