import * as run from "./run";

// Spans of OTLP protobuf: the fields of a ScopeSpans. Whatever is broken, or has to be mended or reported, ends the run before its span.
// https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto

let position: u32 = 0;
let isBroken: bool = false;
/** The end of the span in hand. */
let endTime: u64 = 0;

/** Reads the `spans` fields from `from` to `to`, and passes other fields over. */
export function protoSpans(from: u32, to: u32, emptyName: u32): void {
  position = from;
  isBroken = false;
  while (position < to && !run.isFull()) {
    const tag = varint(to);
    if (tag == 18) {
      const end = lengthEnd(to);
      run.beginSpan(emptyName);
      if (isBroken || !span(end, emptyName) || isBroken || !run.commitEnded(endTime)) return;
      position = end;
    } else skip(tag, to);
    if (isBroken) return;
    run.setCommitted(position);
  }
}

/** A varint of at most 32 bits that matter; more of them are for TypeScript. */
@inline
function varint(to: u32): u32 {
  const byte: u32 = load<u8>(position);
  if (byte < 128 && position < to) {
    position++;
    return byte;
  }
  return longVarint(to);
}

function longVarint(to: u32): u32 {
  let value: u64 = 0;
  let shift: u64 = 0;
  while (true) {
    if (position >= to || shift > 28) {
      isBroken = true;
      return 0;
    }
    const byte: u64 = load<u8>(position++);
    value |= (byte & 127) << shift;
    if (byte < 128) break;
    shift += 7;
  }
  if (value > 0x7fff_ffff) isBroken = true;
  return <u32>value;
}

@inline
function lengthEnd(to: u32): u32 {
  const length = varint(to);
  const end = position + length;
  if (end > to) isBroken = true;
  return end;
}

function skip(tag: u32, to: u32): void {
  const wire = tag & 7;
  if (tag < 8) isBroken = true;
  else if (wire == 0) {
    let count = 0;
    while (position < to && count < 10 && load<u8>(position) > 127) {
      position++;
      count++;
    }
    position++;
    if (count == 10) isBroken = true;
  } else if (wire == 1) position += 8;
  else if (wire == 2) position = lengthEnd(to);
  else if (wire == 5) position += 4;
  else isBroken = true;
  if (position > to) isBroken = true;
}

/** The 8 bytes at `at`, first byte highest. */
@inline
function big(at: u32): u64 {
  return bswap<u64>(load<u64>(at));
}

/** Reads the span's fields up to `to`. False for one that only TypeScript reads; so is what leaves `isBroken` set. */
function span(to: u32, emptyName: u32): bool {
  endTime = 0;
  while (position < to) {
    const tag = varint(to);
    switch (tag) {
      case 10: {
        const end = lengthEnd(to);
        if (end - position != 16) return false;
        run.setTraceId(big(position), big(position + 8));
        position = end;
        break;
      }
      case 18: {
        const end = lengthEnd(to);
        if (end - position != 8) return false;
        run.setSpanId(big(position));
        position = end;
        break;
      }
      case 26: // trace_state
        if (lengthEnd(to) != position) return false;
        break;
      case 34: {
        const end = lengthEnd(to);
        if (end - position == 8) run.setParentId(big(position));
        else if (end != position) return false;
        position = end;
        break;
      }
      case 42: {
        const end = lengthEnd(to);
        if (isBroken) return false;
        run.find(run.FORM_NAME, position, end);
        run.setName(run.foundValue);
        position = end;
        break;
      }
      case 48: {
        const kind = varint(to);
        if (kind > 5) return false;
        run.setKind(kind);
        break;
      }
      case 57:
        run.setStart(load<u64>(position));
        position += 8;
        break;
      case 65:
        endTime = load<u64>(position);
        position += 8;
        break;
      case 74: {
        const end = lengthEnd(to);
        if (isBroken) return false;
        run.find(run.FORM_PROTO_ATTRIBUTE, position, end);
        if (!run.addAttribute(run.foundKey, run.foundValue)) return false;
        position = end;
        break;
      }
      case 80: // dropped_attributes_count
      case 96: // dropped_events_count
      case 112: // dropped_links_count
        if (varint(to) != 0) return false;
        break;
      case 90:
        if (!event(lengthEnd(to), emptyName)) return false;
        break;
      case 106:
        if (!link(lengthEnd(to))) return false;
        break;
      case 122: {
        const end = lengthEnd(to);
        if (isBroken) return false;
        status(end);
        position = end;
        break;
      }
      case 133:
        run.setFlags(load<u32>(position));
        position += 4;
        break;
      default:
        skip(tag, to);
    }
    if (isBroken || position > to) return false;
  }
  return true;
}

function status(to: u32): void {
  const from = position;
  if (from == to) return;
  // A code alone.
  if (to - from == 2 && load<u8>(from) == 24 && load<u8>(from, 1) <= 2) run.setStatus(load<u8>(from, 1));
  else {
    run.find(run.FORM_PROTO_STATUS, from, to);
    run.setStatus(run.foundValue);
  }
}

function event(to: u32, emptyName: u32): bool {
  if (isBroken || !run.beginEvent(emptyName)) return false;
  while (position < to) {
    const tag = varint(to);
    if (tag == 9) {
      const time = load<u64>(position);
      if (<i64>time < 0) return false;
      run.setEventTime(time);
      position += 8;
    } else if (tag == 18) {
      const end = lengthEnd(to);
      if (isBroken) return false;
      run.find(run.FORM_NAME, position, end);
      run.setEventName(run.foundValue);
      position = end;
    } else if (tag == 26) {
      const end = lengthEnd(to);
      if (isBroken) return false;
      run.find(run.FORM_PROTO_ATTRIBUTE, position, end);
      if (!run.addEventAttribute(run.foundKey, run.foundValue)) return false;
      position = end;
    } else if (tag == 32) {
      if (varint(to) != 0) return false;
    } else skip(tag, to);
    if (isBroken || position > to) return false;
  }
  return true;
}

function link(to: u32): bool {
  if (isBroken || !run.beginLink()) return false;
  while (position < to) {
    const tag = varint(to);
    if (tag == 10) {
      const end = lengthEnd(to);
      if (end - position != 16) return false;
      run.setLinkTraceId(big(position), big(position + 8));
      position = end;
    } else if (tag == 18) {
      const end = lengthEnd(to);
      if (end - position != 8) return false;
      run.setLinkSpanId(big(position));
      position = end;
    } else if (tag == 26) {
      if (lengthEnd(to) != position) return false;
    } else if (tag == 34) {
      const end = lengthEnd(to);
      if (isBroken) return false;
      run.find(run.FORM_PROTO_ATTRIBUTE, position, end);
      if (!run.addLinkAttribute(run.foundKey, run.foundValue)) return false;
      position = end;
    } else if (tag == 40) {
      if (varint(to) != 0) return false;
    } else skip(tag, to);
    if (isBroken || position > to) return false;
  }
  return true;
}
