import {
  childrenOf,
  type Exists,
  type MetricsFunction,
  type Node,
  type Place,
  type Query,
  type ScalarFilter,
} from './ast.ts';
import { INTRINSICS, spellIntrinsic } from './fields.ts';
import { hasPipeline, printExpression } from './printer.ts';
import { TraceqlError } from './traceql-error.ts';

// What tailspan understands beyond Grafana Tempo, by name, for queries that have to run on both.

/** How many keys Tempo's metrics group by; it needs one of them itself for averages and buckets. */
const TEMPO_KEYS = 5;

/** Throws `TraceqlError` of kind `validation` for the first thing in a query that Tempo would refuse. */
export function refuseExtensions(query: Query): void {
  const extension = findExtension(query);
  if (extension === undefined) return;
  const { what, instead, ...place } = extension;
  throw new TraceqlError('validation', place, `${what} is an extension of tailspan`, { hint: instead });
}

interface Extension extends Place {
  /** How a message calls it. */
  readonly what: string;
  /** What to do without it. */
  readonly instead: string;
}

function findExtension(node: Node): Extension | undefined {
  const found = extensionAt(node);
  if (found !== undefined) return { ...found, from: node.from, to: node.to };
  for (const child of childrenOf(node)) {
    const extension = findExtension(child);
    if (extension !== undefined) return extension;
  }
  return undefined;
}

function extensionAt(node: Node): { what: string; instead: string } | undefined {
  switch (node.kind) {
    case 'attribute':
      // Tempo reads `parent.`, and then says that it does not support it.
      if (node.holder === 'self') return undefined;
      return {
        what: `${node.holder}.`,
        instead: `relate two sets of spans: { } ${node.holder === 'parent' ? '>' : '>>'} { }`,
      };
    case 'intrinsic': {
      const what = spellIntrinsic(node.holder, node.name);
      if (node.holder !== 'self') {
        return { what, instead: `relate two sets of spans: { } ${node.holder === 'parent' ? '>' : '>>'} { }` };
      }
      return INTRINSICS[node.name].isExtension ? { what, instead: 'leave it out' } : undefined;
    }
    case 'exists':
      return nilExtension(node);
    case 'scalar-filter':
      return scalarExtension(node);
    case 'pipeline':
    case 'metrics': {
      const isAlone = node.kind === 'pipeline' && node.stages.length === 1;
      const [nested] = node.stages.filter(
        stage => (stage.kind === 'spanset-logical' || stage.kind === 'structural') && hasPipeline(stage),
      );
      if (isAlone || nested === undefined) return undefined;
      return { what: 'a stage behind a combination of pipelines', instead: 'leave the stage out' };
    }
    case 'metrics-binary':
      if (![node.left, node.right].some(side => side.kind === 'metrics-binary' && side.secondStages.length > 0)) {
        return undefined;
      }
      return { what: 'a comparison within arithmetic between metrics', instead: 'compare the whole' };
    case 'span-metric':
    case 'field-metric':
    case 'quantile-metric':
      return keysExtension(node);
    default:
      return undefined;
  }
}

/** Of what is always there Tempo refuses `= nil`, and of all intrinsics. */
function nilExtension({ isNegated, operand }: Exists): { what: string; instead: string } | undefined {
  const isService =
    operand.kind === 'attribute' &&
    operand.holder === 'self' &&
    operand.scope === 'resource' &&
    operand.name === 'service.name';
  const isParent = operand.kind === 'intrinsic' && operand.name === 'parent';
  if (!isParent && !(isNegated && (isService || operand.kind === 'intrinsic'))) return undefined;
  const what = `${printExpression(operand)} ${isNegated ? '=' : '!='} nil`;
  return { what, instead: isParent ? 'a root has nestedSetParent < 0' : 'Tempo compares only attributes with nil' };
}

function scalarExtension({ left, right }: ScalarFilter): { what: string; instead: string } | undefined {
  if (left.kind === 'aggregate' && right.kind === 'literal') return undefined;
  return { what: 'a comparison of anything but one aggregate with one number', instead: 'such as count() > 2' };
}

function keysExtension(node: Exclude<MetricsFunction, { kind: 'compare-metric' }>) {
  const isPlain = node.kind === 'span-metric' || (node.kind === 'field-metric' && /^(min|max|sum)/.test(node.name));
  const most = isPlain ? TEMPO_KEYS : TEMPO_KEYS - 1;
  if (node.by.length <= most) return undefined;
  return { what: `grouping by more than ${most} keys`, instead: 'leave some out' };
}
