import { type AttributeValue, displayValue } from '../../model/attributes.ts';
import { SPAN_KINDS, type SpanKind, type StatusCode } from '../../model/status.ts';
import type { DraftAttributes, SpanDraft } from './span-draft.ts';

// Formats without fields for kind, status and scope carry them as tags (json/tags.ts is the same for the hot path):
// https://opentelemetry.io/docs/specs/otel/common/mapping-to-non-otlp/

/** A tag: a key and its value. A key that comes twice has its last value. */
export type Tag = readonly [key: string, value: AttributeValue];

/** What the tags of a span say of it. */
export interface TagFields extends Pick<SpanDraft, 'kind' | 'status' | 'scope'> {
  /** The tags that are no fields. */
  readonly attributes: DraftAttributes;
}

/** Says what a tag `error` tells: the text of the error (empty for a bare mark), or undefined where it tells of none. */
export type ErrorMark = (value: AttributeValue) => string | undefined;

/** Takes the fields of a span out of its tags. An error mark outweighs a status code, as in OpenTelemetry's receivers. */
export function fieldsOfTags(tags: Iterable<Tag>, errorOf: ErrorMark): TagFields {
  const attributes = new Map<string, AttributeValue>();
  let kind: SpanKind | undefined;
  let code: StatusCode | undefined;
  let error: string | undefined;
  let description = '';
  let scopeName = '';
  let scopeVersion = '';
  for (const [key, value] of tags) {
    switch (key) {
      case 'span.kind': {
        const word = kindOf(value);
        if (word === undefined) attributes.set(key, value);
        else kind = word;
        break;
      }
      case 'error': {
        const text = errorOf(value);
        if (text === undefined) attributes.set(key, value);
        else error = text;
        break;
      }
      case 'otel.status_code': {
        const word = statusCodeOf(value);
        if (word === undefined) attributes.set(key, value);
        else code = word;
        break;
      }
      case 'otel.status_description':
        description = displayValue(value);
        break;
      case 'otel.scope.name':
      case 'otel.library.name':
        scopeName = displayValue(value);
        break;
      case 'otel.scope.version':
      case 'otel.library.version':
        scopeVersion = displayValue(value);
        break;
      default:
        attributes.set(key, value);
    }
  }
  const status: StatusCode = error === undefined ? (code ?? 'unset') : 'error';
  return {
    kind,
    status: { code: status, message: description === '' && error !== undefined ? error : description },
    scope: { name: scopeName, version: scopeVersion },
    attributes,
  };
}

function kindOf(value: AttributeValue): SpanKind | undefined {
  const word = typeof value === 'string' ? value.toLowerCase() : '';
  return SPAN_KINDS.find(kind => kind === word);
}

function statusCodeOf(value: AttributeValue): StatusCode | undefined {
  switch (displayValue(value).toUpperCase()) {
    case 'ERROR':
    case '2':
      return 'error';
    case 'OK':
    case '1':
      return 'ok';
    case 'UNSET':
    case '0':
      return 'unset';
    default:
      return undefined;
  }
}
