import { kindOfWord, Status } from '../../model/status.ts';
import type { BatchWriter } from '../columns/batch-writer.ts';
import { ByteDictionary } from '../columns/byte-dictionary.ts';
import { type ByteSource, byteSource } from '../columns/bytes.ts';
import { KeyRoles } from '../columns/key-roles.ts';

// Formats without fields for kind, status and scope carry them as tags, under names that OpenTelemetry's exporters
// share: https://opentelemetry.io/docs/specs/otel/common/mapping-to-non-otlp/
// Those tags become fields again and are not attributes; but for words that are no kind, or no status code.

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

/** What a tag says of its span. The fast lane knows the same numbers (webassembly/lane/tags.ts). */
export const TagField = {
  none: 0,
  kind: 1,
  error: 2,
  statusCode: 3,
  statusDescription: 4,
  scopeName: 5,
  scopeVersion: 6,
} as const;

/** The number of the empty text. */
const EMPTY = 0;

/** The fields of one span that were found among its tags. Their texts are numbers here; 0 is the empty text. */
export class TagFields {
  readonly #writer: BatchWriter;
  readonly #roles: KeyRoles;
  /** Texts of tags by id; a handful of them serve millions of spans. */
  readonly #ids: ByteDictionary;
  readonly #texts: string[] = [];
  /** By text: the kind and the status code that it names, or -1. */
  readonly #kinds: number[] = [];
  readonly #codes: number[] = [];
  #statusCode = EMPTY;
  #description = EMPTY;
  #errorText = EMPTY;
  #hasError = false;
  #scopeName = EMPTY;
  #scopeVersion = EMPTY;
  readonly #scopes = new PairMap();
  readonly #statuses = new PairMap();

  constructor(writer: BatchWriter) {
    this.#writer = writer;
    this.#roles = new KeyRoles(writer, key => FIELD_OF_TAG[key] ?? TagField.none);
    this.#ids = new ByteDictionary((id, source, from, to) => {
      const text = Buffer.from(source.bytes.subarray(from, to)).toString('utf8');
      this.#texts[id] = text;
      this.#kinds[id] = kindOfWord(text);
      this.#codes[id] = statusCodeOf(text);
    });
    this.#ids.idOf(byteSource(0), 0, 0);
  }

  /** Forgets the span before. */
  begin(): void {
    this.#hasError = false;
    this.#statusCode = this.#description = this.#errorText = this.#scopeName = this.#scopeVersion = EMPTY;
  }

  /** What a key says of the span; `TagField.none` where it is an attribute. */
  fieldOf(key: number): number {
    return this.#roles.of(key);
  }

  /** Returns the number of a text for `take`: for the kind, that of the kind. -1 where the text does not name what it should. */
  valueOf(field: number, source: ByteSource, from: number, to: number): number {
    const id = this.#ids.idOf(source, from, to);
    if (field === TagField.kind) return this.#kinds[id]!;
    return field === TagField.statusCode && this.#codes[id]! < 0 ? -1 : id;
  }

  /** Takes the value of a tag that is not the kind. An error without a text is a mark alone. */
  take(field: number, value: number): void {
    switch (field) {
      case TagField.error:
        this.#hasError = true;
        if (value !== EMPTY) this.#errorText = value;
        break;
      case TagField.statusCode:
        this.#statusCode = value;
        break;
      case TagField.statusDescription:
        this.#description = value;
        break;
      case TagField.scopeName:
        this.#scopeName = value;
        break;
      case TagField.scopeVersion:
        this.#scopeVersion = value;
        break;
      default:
    }
  }

  /** Id of the span's status. An error mark outweighs a status code, as in OpenTelemetry's own receivers. */
  status(): number {
    const code = this.#hasError ? Status.error : Math.max(Status.unset, this.#codes[this.#statusCode]!);
    const isBare = this.#description === EMPTY;
    const message = code === Status.error && isBare ? this.#errorText : this.#description;
    if (message === EMPTY) return code;
    return this.#statuses.get(code, message, () => this.#writer.statusOfText(code, this.#texts[message]!));
  }

  /** Id of the span's scope. */
  scope(): number {
    const name = this.#scopeName;
    const version = this.#scopeVersion;
    return this.#scopes.get(name, version, () => this.#writer.scopeOf(this.#texts[name]!, this.#texts[version]!));
  }

  /** Id of the status that an error mark and the texts with these numbers say. */
  statusOf(hasError: boolean, code: number, description: number, errorText: number): number {
    this.begin();
    if (hasError) this.take(TagField.error, errorText);
    this.take(TagField.statusCode, code);
    this.take(TagField.statusDescription, description);
    return this.status();
  }

  /** Id of the scope that the texts with these numbers say. */
  scopeOf(name: number, version: number): number {
    this.begin();
    this.take(TagField.scopeName, name);
    this.take(TagField.scopeVersion, version);
    return this.scope();
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

/** Returns a status code by its word in any case, or its number; -1 for another text. */
function statusCodeOf(text: string): number {
  switch (text.toUpperCase()) {
    case 'ERROR':
    case '2':
      return Status.error;
    case 'OK':
    case '1':
      return Status.ok;
    case 'UNSET':
    case '0':
      return Status.unset;
    default:
      return -1;
  }
}
