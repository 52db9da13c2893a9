import fc from 'fast-check';
import { expect, test } from 'vitest';
import { messageTemplate } from '../../src/analysis/message-template.ts';

test.each([
  ['connection refused', 'connection refused'],
  ['timeout after 5000 ms', 'timeout after <n> ms'],
  ['timeout after 1.5s', 'timeout after <n>s'],
  ['took 250ms', 'took <n>ms'],
  ['balance is -12,50', 'balance is <n>'],
  ['1,234,567 rows', '<n> rows'],
  ['100% of 3 disks', '<n>% of <n> disks'],
  ['order 42 not found.', 'order <n> not found.'],
  ['user=17, tries=3', 'user=<n>, tries=<n>'],
  ['[3] items', '[<n>] items'],
  ['request 4bf92f35-77b3-4da6-a3ce-929d0e0e4736 failed', 'request <uuid> failed'],
  ['commit 4bf92f3577b34da6', 'commit <hex>'],
  ['at 0x7ffe01', 'at <hex>'],
  ['GET https://bank.example:8443/pay?id=7 gave 503', 'GET <url> gave <n>'],
  ['dial tcp 10.0.0.12:5432: connect: connection refused', 'dial tcp <address>: connect: connection refused'],
  ['dial tcp [2001:db8::1]:443: i/o timeout', 'dial tcp <address>: i/o timeout'],
  ['lookup db.internal.example:5432', 'lookup <address>'],
  ['localhost:8080 is down', '<address> is down'],
  ['no such user: ann@example.com', 'no such user: <email>'],
  ['open /var/lib/app/data.db: no such file', 'open <path>: no such file'],
  ['open C:\\Users\\ann\\app.ini', 'open <path>'],
  ['column "id" is missing', 'column <text> is missing'],
  ["unknown key 'a b'", 'unknown key <text>'],
  ['unknown key `a b`', 'unknown key <text>'],
  ['"a\\"b" is no name', '<text> is no name'],
  ["can't open, won't try", "can't open, won't try"],
  ['HTTP/1.1 500', 'HTTP/<n> <n>'],
  ['utf8 is not latin1', 'utf8 is not latin1'],
  ['deadbeef is a word, deadbeef7 is not', 'deadbeef is a word, <hex> is not'],
  ['  two\n\n\tlines  ', 'two lines'],
  ['', ''],
])('%j becomes %j', (message, template) => {
  expect(messageTemplate(message)).toBe(template);
});

test('a template is not longer than 400 characters', () => {
  expect(messageTemplate('no '.repeat(1000))).toHaveLength(400);
});

test('a message of a million characters is no matter', { timeout: 60_000 }, () => {
  for (const unit of ['a', '1', '/a', "'", '0x', 'a.', ':', '-', ' ', '"\\', '[0:', 'a@']) {
    const started = performance.now();
    messageTemplate(unit.repeat(1_000_000 / unit.length));
    // A second would do; where it goes back and forth it takes minutes.
    expect(performance.now() - started).toBeLessThan(10_000);
  }
});

test('messages that differ in a number have one template', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (one, other) => {
      expect(messageTemplate(`failed ${one} times`)).toBe(messageTemplate(`failed ${other} times`));
    }),
  );
});

test('messages that differ in an identifier have one template', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.uuid(), (one, other) => {
      expect(messageTemplate(`no session ${one}`)).toBe(messageTemplate(`no session ${other}`));
    }),
  );
});
