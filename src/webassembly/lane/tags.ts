import * as answers from "./answers";
import * as host from "./host";
import * as run from "./run";

// What the tags of a Jaeger or Zipkin span say of it beside its attributes; src/formats/json/tags.ts says what they are. Numbers stand
// for texts; 0 is the empty text.

/** From this key on, a key is none of an attribute, but this plus the field's number. */
export const FIELD: u32 = 0xffff_0000;

export const KIND: u32 = FIELD + 1;
const ERROR: u32 = FIELD + 2;
const STATUS_CODE: u32 = FIELD + 3;
const STATUS_DESCRIPTION: u32 = FIELD + 4;
const SCOPE_NAME: u32 = FIELD + 5;
const SCOPE_VERSION: u32 = FIELD + 6;
/** Zipkin: the name of the service, and a tag of the resource. */
export const SERVICE: u32 = FIELD + 7;
export const RESOURCE_TAG: u32 = FIELD + 8;
/** Jaeger: the name of an event among its fields. */
export const EVENT_NAME: u32 = FIELD + 9;
/** Nothing is said. */
const NOTHING: u32 = FIELD + 10;

let hasError: u32 = 0;
let statusCode: u32 = 0;
let description: u32 = 0;
let errorText: u32 = 0;
let scopeName: u32 = 0;
let scopeVersion: u32 = 0;

/** Forgets the span before. */
export function begin(): void {
  hasError = statusCode = description = errorText = scopeName = scopeVersion = 0;
}

/** Takes a field that is kept here. False for a number that is no such field. */
export function take(field: u32, value: u32): bool {
  switch (field) {
    case ERROR:
      hasError = 1;
      if (value != 0) errorText = value;
      return true;
    case STATUS_CODE:
      statusCode = value;
      return true;
    case STATUS_DESCRIPTION:
      description = value;
      return true;
    case SCOPE_NAME:
      scopeName = value;
      return true;
    case SCOPE_VERSION:
      scopeVersion = value;
      return true;
    default:
      return field == NOTHING;
  }
}

/** Sets status, resource and context of the span in hand from its tags. */
export function finish(reader: u32, service: u32, resourceTags: u32): void {
  const status = answers.STATUS | reader;
  if (!answers.knows(status, hasError, statusCode, description, errorText)) {
    const id = host.statusOfTags(hasError, statusCode, description, errorText);
    answers.learn(status, hasError, statusCode, description, errorText, id, 0);
  }
  run.setStatus(answers.answer);
  const place = answers.PLACE | reader;
  if (!answers.knows(place, service, resourceTags, scopeName, scopeVersion)) {
    const resource = host.placeOf(service, resourceTags, scopeName, scopeVersion);
    answers.learn(place, service, resourceTags, scopeName, scopeVersion, resource, host.placeContext());
  }
  run.setResource(answers.answer);
  run.setContext(answers.second);
  if (run.knowsOperation(reader)) return;
  // The service and scope in hand need not be those that the host was asked for last.
  host.placeOf(service, resourceTags, scopeName, scopeVersion);
  run.askOperation(reader);
}
