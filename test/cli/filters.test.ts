import { describe, expect, test } from 'vitest';
import { draw } from '../support/drawn-trace.ts';
import { dumpFile } from '../support/load.ts';
import { answerJson, tailspan } from '../support/run.ts';
import { namesOf, PAGE_ID, refusal, shopFile } from './shop.ts';

// The filter flags, on search: every command reads them alike.

interface Found {
  readonly query: string;
  readonly traces: readonly { readonly traceId: string }[];
}

const found = async (flags: readonly string[], file = shopFile()) =>
  namesOf((await answerJson<Found>(['search', file, '--sort', 'start:asc', ...flags])).traces).join(' ');

describe('a filter flag', () => {
  test.each([
    ['no flag', [], 'page payment orphan'],
    ['a service', ['--service', 'cart'], 'page'],
    ['a service of two traces', ['--service', 'bank'], 'payment orphan'],
    ['a service that is none', ['--service', 'car'], ''],
    ['a pattern for a service matches the whole name', ['--service', '~ca.*'], 'page'],
    ['a pattern that matches a part', ['--service', '~ca'], ''],
    ['a name', ['--name', 'SELECT'], 'page'],
    ['a name with spaces', ['--name', 'POST /pay'], 'payment'],
    ['a pattern for a name', ['--name', '~GET /.*'], 'page orphan'],
    ['a pattern without regard to case', ['--name', '~(?i)select'], 'page'],
    ['a kind', ['--kind', 'client'], 'page payment'],
    ['a status', ['--status', 'error'], 'payment'],
    ['a status of every span', ['--status', 'unset'], 'page orphan'],
    ['the least duration, which is included', ['--min-duration', '40ms'], 'page payment'],
    ['a duration that nothing has', ['--min-duration', '101ms'], ''],
    ['the most duration, which is included', ['--max-duration', '10ms'], 'orphan'],
    ['a duration in parts', ['--min-duration', '0.04s', '--max-duration', '40000us'], 'payment'],
    ['a time since, which is included', ['--since', '2026-11-20T09:01:00Z'], 'payment orphan'],
    ['a time until, which is not', ['--until', '2026-11-20T09:01:00Z'], 'page'],
    ['a time between', ['--since', '2026-11-20T09:00:30Z', '--until', '2026-11-20T09:01:30Z'], 'payment'],
    ['a time ago', ['--since', '179m'], 'payment orphan'],
    ['a Unix time', ['--since', '1795165260'], 'payment orphan'],
    ['a day', ['--since', '2026-11-21'], ''],
    ['an attribute', ['--attr', 'db.system=postgresql'], 'page'],
    ['an attribute that is a number', ['--attr', 'http.response.status_code=500'], 'payment'],
    ['an attribute that is there', ['--attr', 'http.response.status_code'], 'page payment'],
    ['an attribute that is not', ['--attr', '!service.name'], ''],
    ['an attribute that is not on the span', ['--attr', '!span.db.system'], 'page payment orphan'],
    ['an attribute that differs', ['--attr', 'http.response.status_code!=500'], 'page'],
    ['an attribute like a pattern', ['--attr', 'db.system=~post.*'], 'page'],
    ['an attribute unlike a pattern', ['--attr', 'db.system!~my.*'], 'page'],
    ['an attribute that is no text, unlike any pattern', ['--attr', 'http.response.status_code!~2..'], 'page payment'],
    ['more than', ['--attr', 'http.response.status_code>200'], 'payment'],
    ['at least', ['--attr', 'http.response.status_code>=200'], 'page payment'],
    ['less than', ['--attr', 'http.response.status_code<500'], 'page'],
    ['at most', ['--attr', 'http.response.status_code<=500'], 'page payment'],
    ['an attribute of the resource', ['--attr', 'deployment.environment=prod'], 'page'],
    ['on the resource alone', ['--attr', 'resource.deployment.environment=prod'], 'page'],
    ['on the span alone', ['--attr', 'span.deployment.environment=prod'], ''],
    ['two flags on one span', ['--service', 'cart', '--kind', 'client'], 'page'],
    ['two flags that two spans of a trace match, and none both', ['--service', 'bank', '--kind', 'client'], ''],
    ['a flag twice asks for both', ['--attr', 'db.system', '--attr', 'http.response.status_code'], ''],
  ])('%s', async (_, flags, expected) => {
    expect(await found(flags)).toBe(expected);
  });

  test('may be written with an equals sign', async () => {
    expect(await found(['--service=cart', '--status=unset'])).toBe('page');
  });

  test('is told in the answer as TraceQL', async () => {
    const flags = ['--service', 'web', '--status', 'error', '--min-duration', '1.5ms', '--attr', 'a.b>=5'];
    expect((await answerJson<Found>(['search', shopFile(), ...flags])).query).toBe(
      '{ resource.service.name = "web" && status = error && duration >= 1.5ms && .a.b >= 5 }',
    );
    expect((await answerJson<Found>(['search', shopFile()])).query).toBe('{ }');
  });

  test.each(['services', 'operations', 'critical-path', 'errors', 'summary', 'show'])(
    'means the same to %s',
    async command => {
      const file = shopFile();
      const traceCountOf = async (flags: string[]) =>
        (await answerJson<{ trust: { traceCount: number } }>([command, file, ...flags])).trust.traceCount;
      expect(await traceCountOf(['--service', 'cart', '--name', 'SELECT'])).toBe(1);
      if (command !== 'show') expect(await traceCountOf([])).toBe(3);
    },
  );

  test.each(['services', 'operations', 'critical-path', 'errors', 'summary', 'search', 'search --spans'])(
    '%s says that nothing matched and why, and exits with 0',
    async command => {
      const { exitCode, stdout, stderr } = await tailspan([
        ...command.split(' '),
        shopFile(),
        '--service',
        'nobody',
        '--min-duration',
        '2s',
      ]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
      expect(stderr).toMatch(
        /^read 9 spans .*\nno (trace|span|errors in traces that) match(es)? \{ resource\.service\.name = "nobody" && duration >= 2s \}\nresource\.service\.name = "nobody": the most frequent are "web" \(4 spans\), "cart" \(3 spans\), "bank" \(2 spans\)\nduration >= 2s: it is from 10ms to 100ms\n$/,
      );
    },
  );

  test.each(['services', 'operations', 'critical-path', 'errors', 'search', 'search --spans'])(
    '%s --exit-status exits with 1 where nothing matched, and with 0 where something did',
    async command => {
      const exitCodeOf = async (service: string) =>
        (await tailspan([...command.split(' '), shopFile(), '--service', service, '-e'])).exitCode;
      expect(await exitCodeOf('nobody')).toBe(1);
      expect(await exitCodeOf('bank')).toBe(0);
    },
  );

  test('about times that match nothing: of which time the data is', async () => {
    const { stderr } = await tailspan(['search', shopFile(), '--since', '1h']);
    expect(stderr).toContain(
      'no trace matches { span:startTime >= 2026-11-20T11:00:00Z }; the data is of 2026-11-20 09:00:00 to 09:02:00 UTC\n',
    );
  });

  test('of JSON an empty list remains', async () => {
    const { traces } = await answerJson<Found>(['search', shopFile(), '--service', 'nobody']);
    expect(traces).toEqual([]);
  });
});

describe('a filter that cannot be read', () => {
  test.each([
    [['--min-duration', 'soon'], "--min-duration takes a duration, not 'soon'", 'for example 250ms, 1.5s or 2m'],
    [['--max-duration', '5'], "--max-duration takes a duration, not '5'", 'for example 250ms, 1.5s or 2m'],
    [['--since', 'lunch'], "--since takes a time, not 'lunch'", 'for example 15m (ago), yesterday'],
    [['--until', '2026-13-45'], "--until takes a time, not '2026-13-45'", 'for example 15m (ago), yesterday'],
    [['--attr', '=x'], "--attr does not understand '=x'", 'for example --attr http.route=/cart'],
    [['--attr', ''], "--attr does not understand ''", 'for example --attr http.route=/cart'],
    [['--kind', 'sever'], "--kind does not know 'sever'", 'did you mean server? It takes unspecified, internal'],
    [['--status', 'failed'], "--status does not know 'failed'", 'it takes unset, ok or error'],
    [['--name', '~['], "--name does not understand the pattern '[': it has a [ without a ]", 'patterns are RE2'],
    [
      ['--service', '~(?=a)'],
      "--service does not understand the pattern '(?=a)': it has a lookaround",
      'patterns are RE2',
    ],
    [['--attr', 'a=~*'], "--attr does not understand the pattern '*': it has nothing to repeat", 'patterns are RE2'],
    [['--attr', 'a!~\\1'], "--attr does not understand the pattern '\\1': it has a backreference", 'patterns'],
    [
      ['--min-duration', '2s', '--max-duration', '1s'],
      '--min-duration 2s is longer than --max-duration 1s',
      'no span is both',
    ],
    [['--since', '1h', '--until', '2h'], '--since 1h is not before --until 2h', 'a duration counts back from now'],
  ])('%j', async (flags, error, hint) => {
    const refused = await refusal(['search', shopFile(), ...flags]);
    expect(refused.error.slice(0, error.length)).toBe(error);
    expect(refused.hint.slice(0, hint.length)).toBe(hint);
    expect(refused.stdout).toBe('');
  });

  test('a pattern that RE2 alone understands is none', async () => {
    for (const pattern of ['~(?P<verb>GET) /.*', '~\\QGET /cart\\E', '~[[:upper:]]+ /cart'])
      expect(await found(['--name', pattern])).toContain('page');
  });
});

describe('what looks like SQL', () => {
  test('in a filter is a text like any other', async () => {
    const file = dumpFile(draw(`a | 0-1 | o'brien | '; DROP TABLE span; -- |`, { traceId: PAGE_ID }));
    expect(await found(['--service', "o'brien"], file)).toBe('page');
    expect(await found(['--name', "'; DROP TABLE span; --"], file)).toBe('page');
    expect(await found(['--attr', "k'=v'"], file)).toBe('');
  });
});
