import { kindOfWord, Status } from '../../model/status.ts';
import type { BatchWriter } from '../columns/batch-writer.ts';
import { ByteDictionary } from '../columns/byte-dictionary.ts';
import { type ByteSource, byteSource } from '../columns/bytes.ts';
import { KeyRoles } from '../columns/key-roles.ts';
import type { JsonCursor } from './cursor.ts';

// Formats without fields for kind, status and scope carry them as tags, under names that OpenTelemetry's exporters
// share: https://opentelemetry.io/docs/specs/otel/common/mapping-to-non-otlp/
// Those tags become fields again and are not attributes.

const FIELD_OF_TAG: Readonly<Record<string, number>> = {
  'span.kind': 1,
  error: 2,
  'otel.status_code': 3,
  'otel.status_description': 4,
  'otel.scope.name': 5,
  'otel.library.name': 5,
  'otel.scope.version': 6,
  'otel.library.version': 6,
};

/** What a tag says of its span. */
export const TagField = {
  none: 0,
  kind: 1,
  error: 2,
  statusCode: 3,
  statusDescription: 4,
  scopeName: 5,
  scopeVersion: 6,
} as const;

/** The fields of one span that were found among its tags. */
export class TagFields {
  readonly #writer: BatchWriter;
  readonly #roles: KeyRoles;
  /** Texts of tags by id; a handful of them serve millions of spans. */
  readonly #ids: ByteDictionary;
  readonly #texts: string[] = [];
  readonly #empty: number;
  #statusCode = Status.unset as number;
  #description = 0;
  #errorText = 0;
  #hasError = false;
  #scopeName = 0;
  #scopeVersion = 0;
  readonly #scopes = new PairMap();
  readonly #statuses = new PairMap();

  constructor(writer: BatchWriter) {
    this.#writer = writer;
    this.#roles = new KeyRoles(writer, key => FIELD_OF_TAG[key] ?? TagField.none);
    this.#ids = new ByteDictionary((id, source, from, to) => {
      this.#texts[id] = Buffer.from(source.bytes.subarray(from, to)).toString('utf8');
    });
    this.#empty = this.#idOf(byteSource(0), 0, 0);
    this.begin();
  }

  #idOf(source: ByteSource, from: number, to: number): number {
    return this.#ids.idOf(source, from, to);
  }

  /** Forgets the span before. */
  begin(): void {
    this.#statusCode = Status.unset;
    this.#hasError = false;
    this.#description = this.#errorText = this.#scopeName = this.#scopeVersion = this.#empty;
  }

  /** What a key says of the span; `TagField.none` where it is an attribute. */
  fieldOf(key: number): number {
    return this.#roles.of(key);
  }

  /** Takes the format's own mark of a failed span, with its text where it is more than a mark. */
  takeError(source?: ByteSource, from = 0, to = 0): void {
    this.#hasError = true;
    if (source !== undefined) this.#errorText = this.#idOf(source, from, to);
  }

  /** Takes the value of a tag that is neither kind nor error. */
  take(field: number, source: ByteSource, from: number, to: number): void {
    const id = this.#idOf(source, from, to);
    switch (field) {
      case TagField.statusCode:
        this.#statusCode = statusOfWord(this.#texts[id] ?? '');
        break;
      case TagField.statusDescription:
        this.#description = id;
        break;
      case TagField.scopeName:
        this.#scopeName = id;
        break;
      case TagField.scopeVersion:
        this.#scopeVersion = id;
        break;
      default:
    }
  }

  /** Id of the span's status. An error mark outweighs a status code, as in OpenTelemetry's own receivers. */
  status(): number {
    const code = this.#hasError ? Status.error : this.#statusCode;
    const isBare = this.#description === this.#empty;
    const message = code === Status.error && isBare ? this.#errorText : this.#description;
    if (message === this.#empty) return code;
    return this.#statuses.get(code, message, () => this.#writer.statusOfText(code, this.#texts[message] ?? ''));
  }

  /** Id of the span's scope. */
  scope(): number {
    const name = this.#scopeName;
    const version = this.#scopeVersion;
    return this.#scopes.get(name, version, () =>
      this.#writer.scopeOf(this.#texts[name] ?? '', this.#texts[version] ?? ''),
    );
  }
}

/** Kinds by the words for them, each word read once. */
export class KindWords {
  readonly #kinds: number[] = [];
  readonly #ids = new ByteDictionary((id, source, from, to) => {
    this.#kinds[id] = kindOfWord(Buffer.from(source.bytes.subarray(from, to)).toString('latin1'));
  });

  /** Returns the kind that the cursor's text names; unspecified for what is no kind. */
  of(cursor: JsonCursor): number {
    return this.#kinds[this.#ids.idOf(cursor.text, cursor.from, cursor.to)]!;
  }
}

/** Numbers by pairs of numbers; remembers the pair asked for last. */
class PairMap {
  readonly #values = new Map<number, number>();
  #lastKey = -1;
  #lastValue = 0;

  /** Both below 2^26. */
  get(a: number, b: number, make: () => number): number {
    const key = a * 67108864 + b;
    if (key === this.#lastKey) return this.#lastValue;
    let value = this.#values.get(key);
    if (value === undefined) {
      value = make();
      if (this.#values.size >= 1 << 16) this.#values.clear();
      this.#values.set(key, value);
    }
    this.#lastKey = key;
    this.#lastValue = value;
    return value;
  }
}

function statusOfWord(word: string): number {
  switch (word.toUpperCase()) {
    case 'ERROR':
    case '2':
      return Status.error;
    case 'OK':
    case '1':
      return Status.ok;
    default:
      return Status.unset;
  }
}
