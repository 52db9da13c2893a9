import { errorTypeOf } from '../analysis/errors.ts';
import type { TracePath } from '../analysis/trace-path.ts';
import type { SpanRow, TraceRow } from '../analysis/trace-rows.ts';
import { failureOf } from '../model/failure.ts';
import { endOf, type Span } from '../model/span.ts';
import type { Trace, TraceNode } from '../model/trace.ts';
import { formatCount, plural } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { nameText, spanName } from '../terminal/names.ts';
import { sanitize } from '../terminal/sanitize.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { MAX_GUIDES, type Stretch, type WaterfallRow } from '../terminal/waterfall.ts';

// What the rows of a trace look like, for `show` and for the screen: one picture. A row is drawn by itself, so that of a long
// trace only those are drawn that are seen.

/** Turns rows of a trace into rows of a waterfall. */
export class TracePicture {
  readonly #trace: Trace;
  readonly #path: TracePath;
  readonly #unicode: boolean;
  readonly #sectionsOf: ReadonlyMap<TraceNode, TracePath['sections']>;

  constructor(trace: Trace, path: TracePath, { unicode }: { readonly unicode: boolean }) {
    this.#trace = trace;
    this.#path = path;
    this.#unicode = unicode;
    this.#sectionsOf = Map.groupBy(path.sections, section => section.node);
  }

  rowOf(row: TraceRow): WaterfallRow {
    const placed = { ...guidesOf(row), style: 'dim' as const, bars: [], path: [], isOnPath: false, ticks: [] };
    const { times, ellipsis } = glyphs(this.#unicode);
    switch (row.kind) {
      case 'hidden': {
        const text = `${ellipsis} ${plural(row.spanCount, 'shorter span')}`;
        return { ...placed, label: [styled(text, 'dim')], durationNano: row.durationNano, selfNano: undefined };
      }
      case 'run': {
        const [first] = row.nodes;
        const sections = row.nodes.flatMap(node => this.#sectionsOf.get(node) ?? []);
        const below = row.below > 0 ? [styled(` +${formatCount(row.below)} below`, 'dim')] : [];
        return {
          ...placed,
          style: `service:${first?.span.serviceName ?? ''}`,
          label: [styled(`${times}${formatCount(row.nodes.length)} `, 'bold'), ...this.#nameOf(first, row), ...below],
          bars: row.nodes.map(({ span }) => this.#stretch(span.startTimeUnixNano, endOf(span))),
          path: sections.map(section => this.#stretch(section.startTimeUnixNano, section.endTimeUnixNano)),
          isOnPath: sections.length > 0,
          durationNano: row.nodes.reduce((sum, { span }) => sum + span.durationNano, 0n),
          selfNano: row.nodes.reduce((sum, node) => sum + node.selfNano, 0n),
        };
      }
      case 'span': {
        const { node } = row;
        const { span } = node;
        const sections = this.#sectionsOf.get(node) ?? [];
        const message = hasMessage(node) ? errorLine(span, this.#unicode) : undefined;
        const isFailed = span.status.code === 'error';
        const mark = isFailed ? [styled(`${glyphs(this.#unicode).error} `, 'error')] : [];
        const deeper = row.deeper > 0 ? [styled(` +${formatCount(row.deeper)} below`, 'dim')] : [];
        const aside = node.isAsync ? { aside: [styled(' (async)', 'dim')] } : {};
        return {
          ...placed,
          style: `service:${span.serviceName}`,
          label: [...mark, ...this.#nameOf(node, row), ...deeper],
          ...aside,
          bars: [this.#stretch(span.startTimeUnixNano, endOf(span))],
          path: sections.map(section => this.#stretch(section.startTimeUnixNano, section.endTimeUnixNano)),
          isOnPath: (this.#path.ownNano[node.index] ?? 0n) > 0n,
          ticks: span.events.map(event => ({
            at: Number(event.timeUnixNano - this.#trace.startTimeUnixNano),
            isError: event.name === 'exception',
          })),
          durationNano: span.durationNano,
          selfNano: node.selfNano,
          ...(message === undefined ? {} : { message }),
        };
      }
    }
  }

  #stretch(from: bigint, to: bigint): Stretch {
    const { startTimeUnixNano } = this.#trace;
    return { from: Number(from - startTimeUnixNano), to: Number(to - startTimeUnixNano) };
  }

  /** The service where it is not the parent's, and the name. */
  #nameOf(node: TraceNode | undefined, row: TraceRow): Line {
    if (node === undefined) return [];
    const { serviceName, name } = node.span;
    const isSame = row.parent?.node.span.serviceName === serviceName;
    return isSame ? [styled(nameText(name, this.#unicode))] : spanName(node.span, { unicode: this.#unicode });
  }
}

/** Says whether a span's failure is told below its row: it failed, and none of its children has to answer for it. */
export function hasMessage(node: TraceNode): boolean {
  return node.span.status.code === 'error' && !node.children.some(child => child.span.status.code === 'error');
}

/** The heading above a row with which another part of the trace begins: orphans, or spans cut from a cycle. */
export function headingAbove(row: TraceRow, before: TraceRow | undefined, trace: Trace): Line | undefined {
  const part = partOf(row);
  if (part === undefined || part === 'root' || part === partOf(topOf(before))) return undefined;
  const count = trace.tops.filter(node => node.parentage === part).length;
  const text =
    part === 'orphan'
      ? `orphans: ${plural(count, 'span')} whose parent is not in the data`
      : `cut: ${plural(count, 'cycle')} of parents`;
  return [styled(text, 'warning')];
}

function partOf(row: TraceRow | undefined): TraceNode['parentage'] | undefined {
  return row?.level === 0 && row.kind === 'span' ? row.node.parentage : undefined;
}

function topOf(row: TraceRow | undefined): TraceRow | undefined {
  let top = row;
  while (top?.parent !== undefined) top = top.parent;
  return top;
}

function guidesOf(row: TraceRow): { guides: boolean[]; skippedLevels: number } {
  const guides: boolean[] = [];
  if (row.level > 0) guides.push(!row.isLast);
  let above: SpanRow | undefined = row.parent;
  while (above !== undefined && above.level > 0 && guides.length < MAX_GUIDES) {
    guides.unshift(!above.isLast);
    above = above.parent;
  }
  return { guides, skippedLevels: row.level - guides.length };
}

/** What a failed span says of its failure, on one line. */
function errorLine(span: Span, unicode: boolean): Line {
  const failure = failureOf(span);
  const type = errorTypeOf(failure);
  const message = failure.exceptionMessage ?? failure.statusMessage;
  const said = [type === 'error' && message !== '' ? '' : type, message].filter(part => part !== '').join(': ');
  return [styled(sanitize(said, unicode), 'error')];
}
