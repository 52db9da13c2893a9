import type { TraceSummary } from '../store/find-traces.ts';
import { spanName } from '../terminal/names.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';

export { nameText, serviceName, spanName } from '../terminal/names.ts';

/** Returns what a trace is called: its root, or what comes first where the root is missing. */
export function rootName(trace: TraceSummary, screen: Screen): Line {
  const first = spanName({ serviceName: trace.firstServiceName, name: trace.firstSpanName }, screen);
  return trace.rootServiceName === undefined ? [styled('no root: ', 'warning'), ...first] : first;
}
