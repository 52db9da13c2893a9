import type { SourceAccount } from '../../src/ingest/account.ts';
import type { DecodedSpan } from '../support/decode.ts';

/** A decoded span without what it does not have: for expectations that show what a span holds, and are exact all the same. */
export function brief(span: DecodedSpan): object {
  const { scope, status, events, links, ...rest } = span;
  const parts = {
    ...rest,
    status: status.code === 'unset' && status.message === '' ? undefined : status,
    scope: scope.name === '' && scope.version === '' && isEmpty(scope.attributes) ? undefined : scope,
    events: events.map(event => kept({ ...event })),
    links: links.map(link => kept({ ...link })),
  };
  return kept(parts);
}

function kept(value: Readonly<Record<string, unknown>>): object {
  const isAbsent = (part: unknown) => part === undefined || part === 0 || (typeof part === 'object' && isEmpty(part));
  return Object.fromEntries(Object.entries(value).filter(([, part]) => !isAbsent(part)));
}

function isEmpty(value: object | null): boolean {
  return value !== null && Object.keys(value).length === 0;
}

/** What an account counts, without the examples. */
export function countsOf({ documents, skipped, repaired }: SourceAccount): object {
  return {
    documents,
    skipped: skipped.map(({ reason, count }) => [reason, count]),
    repaired: repaired.map(({ reason, count }) => [reason, count]),
  };
}
