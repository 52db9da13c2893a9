import { Quirk } from '../model/span-batch.ts';
import type { Trace } from '../model/trace.ts';
import type { Block } from '../report/report.ts';
import { fitLine } from '../terminal/columns.ts';
import { formatDuration, formatTime, plural } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { nameText, serviceName } from './names.ts';
import { orphansText } from './trust.ts';

/** What stands above a single trace: what it is, how long it took, when, and what is missing from it. */
export function traceHeading(trace: Trace, screen: Screen): Block[] {
  const { dot, ellipsis } = glyphs(screen.unicode);
  const top = trace.root ?? trace.tops[0];
  const failed = trace.nodes.filter(({ span }) => span.status.code === 'error').length;
  const services = new Set(trace.nodes.map(({ span }) => span.serviceName)).size;
  const counts = [plural(trace.nodes.length, 'span'), plural(services, 'service')].join(` ${dot} `);
  const time = formatTime(trace.startTimeUnixNano, { utc: screen.utc, digits: 3, date: true });
  const service = serviceName(top?.span.serviceName ?? '', screen);
  const duration = `  ${formatDuration(trace.durationNano, screen.unicode)}`;
  const room = screen.width - duration.length;
  const name: Line = [service, styled(` ${nameText(top?.span.name ?? '', screen.unicode)}`, 'bold')];
  return [
    {
      kind: 'lines',
      lines: [
        [...fitLine(name, room, 'left', ellipsis, true), styled(duration, 'bold')],
        [styled(`trace ${trace.traceId}`, 'dim')],
      ],
    },
    {
      kind: 'prose',
      text: [
        styled(`${time}${screen.utc ? ' UTC' : ''} ${dot} ${counts}`, 'dim'),
        ...(failed > 0 ? [styled(` ${dot} ${plural(failed, 'error')}`, 'error')] : []),
        ...(trace.complete ? [] : [styled(` ${dot} ${whyIncomplete(trace)}`, 'warning')]),
      ],
      indent: 2,
    },
  ];
}

/** What makes a trace incomplete, in a few words. */
function whyIncomplete(trace: Trace): string {
  const count = (parentage: string) => trace.tops.filter(top => top.parentage === parentage).length;
  const orphans = count('orphan');
  const roots = count('root');
  const cuts = count('cut');
  const reasons: string[] = [];
  if (roots === 0) reasons.push('no root');
  if (roots > 1) reasons.push(plural(roots, 'root'));
  if (orphans > 0) reasons.push(orphansText(orphans));
  if (cuts > 0) reasons.push(`${plural(cuts, 'cycle')} of parents`);
  if (reasons.length === 0) {
    const unfinished = trace.nodes.filter(({ span }) => (span.quirks & Quirk.endUnknown) !== 0).length;
    reasons.push(unfinished > 0 ? `${plural(unfinished, 'span')} without an end` : 'spans outlast the root');
  }
  return `incomplete: ${reasons.join(', ')}`;
}
