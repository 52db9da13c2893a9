import { createHash, timingSafeEqual } from 'node:crypto';

/** Says whether an `Authorization` header carries the token. Takes the same time for every wrong one. */
export function isAuthorised(header: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1] ?? '';
  return timingSafeEqual(digestOf(given), digestOf(token));
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
