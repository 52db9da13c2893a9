// What a query can ask of a span: the one table of intrinsics and of the scopes of attributes.
// https://grafana.com/docs/tempo/latest/traceql/construct-traceql-queries/ describes them.

/** What is known of a value before any span is read: an attribute may hold anything. */
export type StaticType = 'string' | 'int' | 'float' | 'duration' | 'bool' | 'status' | 'kind' | 'nil' | 'any';

/** Whose field it is. `parent` is the span's parent; `ancestor`, an extension of tailspan, any span above it. */
export type Holder = 'self' | 'parent' | 'ancestor';

/** Where an attribute is looked for; `any` is the span first, then its resource. */
export type AttributeScope = 'any' | 'span' | 'resource' | 'event' | 'link' | 'instrumentation';

/** The words that may stand before a dot. */
export const SCOPES = ['span', 'resource', 'event', 'link', 'instrumentation'] as const;
/** The words that may stand before a dot and then a scope. */
export const HOLDERS = ['parent', 'ancestor'] as const;

interface IntrinsicFacts {
  readonly type: StaticType;
  /** What has it. */
  readonly of: 'span' | 'trace' | 'event' | 'link' | 'scope' | 'tree';
  /** Other ways to write it. */
  readonly aliases?: readonly string[];
  /** Can be compared with nil. */
  readonly mayBeNil?: true;
  /** An extension of tailspan. */
  readonly isExtension?: true;
}

/** Intrinsics by the spelling in which they are printed. */
const FACTS = {
  name: { type: 'string', of: 'span', aliases: ['span:name'] },
  status: { type: 'status', of: 'span', aliases: ['span:status'] },
  statusMessage: { type: 'string', of: 'span', aliases: ['span:statusMessage'] },
  kind: { type: 'kind', of: 'span', aliases: ['span:kind'] },
  duration: { type: 'duration', of: 'span', aliases: ['span:duration'] },
  'span:id': { type: 'string', of: 'span' },
  'span:parentID': { type: 'string', of: 'span', mayBeNil: true },
  'span:childCount': { type: 'int', of: 'span', aliases: ['childCount'] },
  /** Unix nanoseconds. */
  'span:startTime': { type: 'int', of: 'span', isExtension: true },
  'trace:id': { type: 'string', of: 'trace' },
  'trace:duration': { type: 'duration', of: 'trace', aliases: ['traceDuration'] },
  'trace:rootName': { type: 'string', of: 'trace', aliases: ['rootName'], mayBeNil: true },
  'trace:rootService': { type: 'string', of: 'trace', aliases: ['rootServiceName'], mayBeNil: true },
  'event:name': { type: 'string', of: 'event', mayBeNil: true },
  'event:timeSinceStart': { type: 'duration', of: 'event', mayBeNil: true },
  'link:traceID': { type: 'string', of: 'link', mayBeNil: true },
  'link:spanID': { type: 'string', of: 'link', mayBeNil: true },
  'instrumentation:name': { type: 'string', of: 'scope', mayBeNil: true },
  'instrumentation:version': { type: 'string', of: 'scope', mayBeNil: true },
  nestedSetLeft: { type: 'int', of: 'tree' },
  nestedSetRight: { type: 'int', of: 'tree' },
  nestedSetParent: { type: 'int', of: 'tree' },
  /** The parent span itself, which can only be compared with nil. */
  parent: { type: 'nil', of: 'tree', mayBeNil: true },
} as const satisfies Record<string, IntrinsicFacts>;

export type IntrinsicName = keyof typeof FACTS;

export const INTRINSICS: Readonly<Record<IntrinsicName, IntrinsicFacts>> = FACTS;

const NAMES = Object.keys(FACTS).filter((name): name is IntrinsicName => Object.hasOwn(FACTS, name));

/** Every spelling of an intrinsic of the span itself. */
const SPELLINGS: ReadonlyMap<string, IntrinsicName> = new Map(
  NAMES.flatMap(name => [name, ...(INTRINSICS[name].aliases ?? [])].map(spelling => [spelling, name] as const)),
);

/** What `parent:` and `ancestor:` take: what a span has of its own, without its scope (`parent:name`, `parent:id`). */
const RELATIVE: ReadonlyMap<string, IntrinsicName> = new Map(
  NAMES.filter(name => INTRINSICS[name].of === 'span').map(name => [wordOf(name), name] as const),
);

/** Returns the intrinsic of a spelling such as `name`, `span:name` or `rootName`. */
export function findIntrinsic(spelling: string): IntrinsicName | undefined {
  return SPELLINGS.get(spelling);
}

/** Returns the intrinsic behind `parent:word` or `ancestor:word`. */
export function findRelativeIntrinsic(word: string): IntrinsicName | undefined {
  return RELATIVE.get(word);
}

/**
 * Returns the intrinsic behind `parent.word` or `ancestor.word`: only the words that stand for an intrinsic by
 * themselves, as in `parent.duration`. An attribute of such a name is `parent.span.duration`.
 */
export function findDottedIntrinsic(word: string): IntrinsicName | undefined {
  return SPELLINGS.has(word) ? RELATIVE.get(word) : undefined;
}

/** Returns how an intrinsic is written, such as `name` or `parent:name`. */
export function spellIntrinsic(holder: Holder, name: IntrinsicName): string {
  return holder === 'self' ? name : `${holder}:${wordOf(name)}`;
}

/** All spellings of intrinsics, for suggestions. */
export function intrinsicSpellings(): readonly string[] {
  return [...SPELLINGS.keys(), ...HOLDERS.flatMap(holder => [...RELATIVE.keys()].map(word => `${holder}:${word}`))];
}

function wordOf(name: IntrinsicName): string {
  return name.startsWith('span:') ? name.slice('span:'.length) : name;
}

/** The hex digits of intrinsics that are ids. */
const ID_DIGITS: Readonly<Record<string, number>> = {
  'trace:id': 32,
  'span:id': 16,
  'span:parentID': 16,
  'link:traceID': 32,
  'link:spanID': 16,
};

/**
 * A text that an intrinsic is compared with by `=` or `!=`: an id as ids are written, in lowercase and with all its zeros, which people
 * leave out; anything else as it is.
 */
export function asId(name: IntrinsicName, text: string): string {
  const digits = ID_DIGITS[name];
  return digits === undefined ? text : text.toLowerCase().padStart(digits, '0');
}
