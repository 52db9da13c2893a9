import { expect, test } from 'vitest';
import { Kind, kindOfWord, kindWord, SPAN_KINDS, STATUS_CODES, Status, statusWord } from '../../src/model/status.ts';

test('kinds have the words and numbers of OTLP', () => {
  expect(SPAN_KINDS.map(word => [word, Kind[word], kindWord(Kind[word]), kindOfWord(word.toUpperCase())])).toEqual([
    ['unspecified', 0, 'unspecified', 0],
    ['internal', 1, 'internal', 1],
    ['server', 2, 'server', 2],
    ['client', 3, 'client', 3],
    ['producer', 4, 'producer', 4],
    ['consumer', 5, 'consumer', 5],
  ]);
});

test('status codes have the words and numbers of OTLP', () => {
  expect(STATUS_CODES.map(word => [word, Status[word], statusWord(Status[word])])).toEqual([
    ['unset', 0, 'unset'],
    ['ok', 1, 'ok'],
    ['error', 2, 'error'],
  ]);
});

test.each([6, -1, 1.5, Number.NaN])('the number %d is no kind and no status', number => {
  expect([kindWord(number), statusWord(number)]).toEqual(['unspecified', 'unset']);
});

test.each(['', 'rpc', 'SPAN_KIND_SERVER'])('the word %j is no kind', word => {
  expect(kindOfWord(word)).toBe(-1);
});
