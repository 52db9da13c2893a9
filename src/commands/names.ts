import type { TraceSummary } from '../store/find-traces.ts';
import { sanitize } from '../terminal/sanitize.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, type Segment, styled } from '../terminal/styled.ts';

// Names of services and spans on a screen: harmless, in the service's colour, and never nothing.

/** Returns a name as text; what has none is said to have none. */
export function nameText(name: string, unicode = true): string {
  return name === '' ? '(no name)' : sanitize(name, unicode);
}

/** Returns a service's name in its colour. */
export function serviceName(name: string, screen: Screen): Segment {
  return styled(nameText(name, screen.unicode), `service:${name}`);
}

/** Returns a span as `service name`. */
export function spanName(span: { readonly serviceName: string; readonly name: string }, screen: Screen): Line {
  return [serviceName(span.serviceName, screen), styled(` ${nameText(span.name, screen.unicode)}`)];
}

/** Returns what a trace is called: its root, or what comes first where the root is missing. */
export function rootName(trace: TraceSummary, screen: Screen): Line {
  const first = spanName({ serviceName: trace.firstServiceName, name: trace.firstSpanName }, screen);
  return trace.rootServiceName === undefined ? [styled('no root: ', 'warning'), ...first] : first;
}
