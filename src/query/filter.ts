import type { SpanKind, StatusCode } from '../model/status.ts';

// What the filter flags say, as data: conditions on one span, all of which must hold. A trace matches where one of its
// spans does.

export type Comparison = '=' | '!=' | '=~' | '!~' | '>' | '>=' | '<' | '<=';

/** Where an attribute is looked for: on the span, on its resource, or on the span first and then on the resource. */
export type AttributeScope = 'span' | 'resource' | 'any';

export type Condition =
  | { readonly on: 'service' | 'name'; readonly comparison: '=' | '=~'; readonly value: string }
  | { readonly on: 'kind'; readonly value: SpanKind }
  | { readonly on: 'status'; readonly value: StatusCode }
  | { readonly on: 'duration'; readonly comparison: '>=' | '<='; readonly value: bigint }
  | { readonly on: 'start'; readonly comparison: '>=' | '<'; readonly value: bigint }
  | {
      readonly on: 'attribute';
      readonly scope: AttributeScope;
      readonly key: string;
      readonly comparison: Comparison | 'exists' | 'absent';
      readonly value: string;
    };

export interface Filter {
  readonly conditions: readonly Condition[];
}

/** A filter that every span passes. */
export const EVERYTHING: Filter = { conditions: [] };

/**
 * Reads one `--attr` argument: `key=value`, `key!=value`, `key=~regex`, `key!~regex`, `key>1`, `>=`, `<`, `<=`, `key`
 * (it has the attribute), `!key` (it has not). A key may begin with `span.` or `resource.`. Undefined where the text is
 * none of these.
 */
export function parseAttributeCondition(text: string): Condition | undefined {
  const absent = /^!\s*([^=<>~!\s]+)$/.exec(text.trim());
  if (absent?.[1] !== undefined) return attribute(absent[1], 'absent', '');
  const match = /^\s*([^=<>~!\s]+)\s*(?:(=~|!~|!=|>=|<=|=|>|<)(.*))?$/s.exec(text);
  if (match?.[1] === undefined) return undefined;
  const [, key, comparison, value = ''] = match;
  return attribute(key, (comparison as Comparison | undefined) ?? 'exists', value.trim());
}

function attribute(key: string, comparison: Comparison | 'exists' | 'absent', value: string): Condition {
  const scoped = /^(span|resource)\.(.+)$/s.exec(key);
  const scope = scoped?.[1] === 'span' || scoped?.[1] === 'resource' ? scoped[1] : 'any';
  return { on: 'attribute', scope, key: scoped?.[2] ?? key, comparison, value };
}

/** Writes a filter as the TraceQL that means the same. */
export function describeFilter(filter: Filter): string {
  if (filter.conditions.length === 0) return '{}';
  return `{ ${filter.conditions.map(describeCondition).join(' && ')} }`;
}

const FIELD_NAMES = { service: 'resource.service.name', name: 'name' } as const;

function describeCondition(condition: Condition): string {
  switch (condition.on) {
    case 'service':
    case 'name':
      return `${FIELD_NAMES[condition.on]} ${condition.comparison} ${JSON.stringify(condition.value)}`;
    case 'kind':
    case 'status':
      return `${condition.on} = ${condition.value}`;
    case 'duration':
      return `duration ${condition.comparison} ${condition.value}ns`;
    case 'start':
      return `span:startTime ${condition.comparison} ${condition.value}`;
    case 'attribute': {
      const key = /^[\w.\-/]+$/.test(condition.key) ? condition.key : JSON.stringify(condition.key);
      const field = `${condition.scope === 'any' ? '' : condition.scope}.${key}`;
      if (condition.comparison === 'exists') return `${field} != nil`;
      if (condition.comparison === 'absent') return `${field} = nil`;
      const isNumber = /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(condition.value) && !condition.comparison.includes('~');
      return `${field} ${condition.comparison} ${isNumber ? condition.value : JSON.stringify(condition.value)}`;
    }
  }
}
