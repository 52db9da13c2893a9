import { sanitize } from './sanitize.ts';
import { type Line, type Segment, styled } from './styled.ts';

// Names of services and spans on a screen: harmless, in the service's colour, and never nothing.

/** Returns a name as text; what has none is said to have none. */
export function nameText(name: string, unicode = true): string {
  return name === '' ? '(no name)' : sanitize(name, unicode);
}

/** Returns a service's name in its colour. */
export function serviceName(name: string, { unicode }: { readonly unicode: boolean }): Segment {
  return styled(nameText(name, unicode), `service:${name}`);
}

/** Returns a span as `service name`. */
export function spanName(
  span: { readonly serviceName: string; readonly name: string },
  screen: { readonly unicode: boolean },
): Line {
  return [serviceName(span.serviceName, screen), styled(` ${nameText(span.name, screen.unicode)}`)];
}
