import { ExitCode } from '../errors.ts';
import { columns, WIDTH, wrap } from './help-text.ts';

// Help that is not about one command.

export interface Topic {
  readonly name: string;
  readonly summary: string;
  text(): Promise<string>;
}

const QUERY = `Queries

  A query is TraceQL, one argument in single quotes. It is asked of one trace
  after the other; a trace matches where spans are left.

  { status = error && duration > 1s }  spans for which the condition holds
  { .http.route = "/cart" }            an attribute of the span or its resource
  { span.x = 1 || resource.x = nil }   only of the one; nil: it is not there
  { name =~ "GET .*" }                 RE2, which matches the whole text
  { } && { }, { } || { }               each has spans in the trace; either has
  { } > { }, { } >> { }, { } ~ { }     children, descendants, siblings
  { } !>> { }, { } &>> { }             none of them; both sides of them
  { } | count() > 2                    also avg, min, max and sum of a field
  { } | by(resource.service.name)      a set of spans for each value
  { } | select(.http.route, name)      what to show of the spans

  Fields of every span: name, status, statusMessage, kind, duration, span:id,
  span:parentID, span:childCount, trace:id, trace:duration, trace:rootName,
  trace:rootService, event:name, event:timeSinceStart, link:traceID,
  link:spanID, instrumentation:name. parent.x and ancestor.x ask for those
  above it.

  docs/query-language.md has the whole, with an example of everything.

Filters

  Every filter flag is a condition on a span; all of them must hold for one and
  the same span. A trace matches where one of its spans does. Beside a query
  they narrow what it sees: { flags } | query.

  --service NAME          the resource's service.name
  --name NAME             the span's name
  --kind KIND             internal, server, client, producer or consumer
  --status STATUS         unset, ok or error
  --min-duration 250ms    the span's duration; also --max-duration
  --since 15m             the span's start: a time ago, a date, a time, or a
                          Unix time; also --until
  --attr CONDITION        an attribute of the span or of its resource

  --service and --name take a pattern behind a tilde: --name '~GET .*'. Patterns
  are RE2 and match the whole text.

  --attr key=value        also != > >= < <=; numbers compare as numbers
  --attr key=~pattern     also !~
  --attr key              the attribute is there; '!key' it is not
  --attr resource.key=v   only on the resource; span.key=v only on the span

  A missing attribute matches nothing but !key. For an array, = and =~ ask for
  any item, != and !~ for none.

  Flags may be repeated: --attr a=1 --attr b=2 asks for both.
`;

const EXIT_CODES = `Exit codes

  ${ExitCode.ok}    done. No match is not a failure: search exits with 0 and says so.
  ${ExitCode.no}    the answer is "no": with --exit-status nothing matched.
  ${ExitCode.trouble}    it could not be done, or not wholly: a wrong option, a source that
       cannot be read to its end, a database in use, a trace id that does not
       exist. What could be read is answered from all the same.
  ${ExitCode.interrupted}  interrupted (Ctrl-C).    ${ExitCode.terminated}  terminated.
       To end listen so is what is meant: it stores what came, and exits with 0.

  run has the exit code of the command that it runs: 128 and the number of the
  signal that ended it, 127 where it is not there, 126 where it cannot be run.
  Where that is 0, it is 1 if --fail-on matched, and 2 as above.

  Records that cannot be read are counted and left out; they leave the exit code
  alone unless --strict is given.
`;

const ENVIRONMENT = `Environment

  TAILSPAN_DB        the database to use when --db is not given
  TAILSPAN_CACHE     off, or how much is kept of dumps that were read (10GB)
  XDG_DATA_HOME      where the default database lies (tailspan/traces.duckdb)
  NO_COLOR           no colour; FORCE_COLOR and CLICOLOR_FORCE: colour anyway
  COLUMNS            columns to fill
  LC_ALL LC_CTYPE LANG
                     whether the terminal has UTF-8
  TAILSPAN_PAGER PAGER
                     the pager for long answers on a terminal (default: less)
  CI                 set: no pager, no progress
  TZ                 the zone in which times are shown on a terminal
  SOURCE_DATE_EPOCH  the time that --since and --until count from
  OTEL_*             are left to the command of run, but where traces go
`;

async function formats(): Promise<string> {
  const { FORMATS } = await import('../formats/index.ts');
  const rows = FORMATS.map(
    ({ name, title, recognised }) => [name, `${title}: ${recognised.replaceAll('…', '...')}`] as const,
  );
  return `Formats

  What a source is, is told by its content, document by document; its name does
  not matter. One source may mix formats, and may be compressed (gzip, zstd,
  zlib), also several times over.

${columns(rows, 2).join('\n')}

  OTLP logs and metrics are counted and passed over. docs/formats.md says what
  each format's fields become.
`;
}

async function sqlViews(): Promise<string> {
  const { describeViews } = await import('../store/describe-views.ts');
  const views = describeViews().map(({ name, comment, columns: described }) =>
    [
      ...wrap(`${name}: ${comment}`, WIDTH - 2).map(line => `  ${line}`),
      ...columns(
        described.map(column => [column.name, column.comment] as const),
        6,
      ),
    ].join('\n'),
  );
  return `SQL

  tailspan sql takes DuckDB's SQL over these views. Ids are hex, times
  TIMESTAMP_NS, *_ns nanoseconds as BIGINT.

${views.join('\n\n')}
`;
}

export const TOPICS: readonly Topic[] = [
  { name: 'query', summary: 'queries and filters, and what they mean', text: async () => QUERY },
  { name: 'formats', summary: 'what can be read', text: formats },
  { name: 'sql', summary: 'the views and their columns', text: sqlViews },
  { name: 'exit-codes', summary: 'what the exit code says', text: async () => EXIT_CODES },
  { name: 'environment', summary: 'variables that are read', text: async () => ENVIRONMENT },
];

/** Returns the text of a topic; undefined where there is none of that name. */
export async function findTopic(name: string): Promise<string | undefined> {
  return TOPICS.find(topic => topic.name === name)?.text();
}
