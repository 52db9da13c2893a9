import { describe, expect, test } from 'vitest';
import { refusalOf } from '../../src/ingest/unreadable.ts';

// What a source that is no trace dump probably is.

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const text = (content: string) => Buffer.from(content);

describe('a refusal', () => {
  test.each([
    ['nothing', Buffer.alloc(0), 'is empty'],
    ['white space', text(' \r\n\t'), 'holds only white space'],
    ['PNG', bytes('89504e470d0a1a0a'), 'is no trace dump but a PNG image'],
    ['JPEG', bytes('ffd8ffe000104a46'), 'is no trace dump but a JPEG image'],
    ['GIF', text('GIF89a...'), 'is no trace dump but a GIF image'],
    ['PDF', text('%PDF-1.7\n'), 'is no trace dump but a PDF document'],
    ['ELF', bytes('7f454c46 0201'), 'is no trace dump but a program (ELF)'],
    ['SQLite', text('SQLite format 3\0'), 'is no trace dump but an SQLite database'],
    ['DuckDB', bytes('0011223344556677 4455434b 40'), 'is no trace dump but a DuckDB database'],
    ['bzip2', text('BZh91AY&SY'), 'is packed by bzip2, which is not read'],
    ['xz', bytes('fd377a585a00'), 'is packed by xz, which is not read'],
    ['HTML', text('\n<!doctype html><title>502</title>'), 'is no trace dump but HTML or XML'],
    ['XML', text('<?xml version="1.0"?><a/>'), 'is no trace dump but HTML or XML'],
    ['CSV', text('a,b,c\r\n1,2,3\r\n'), 'is no trace dump that is read but a CSV table'],
    ['TSV', text('a\tb\tc\n1\t2\t3\n'), 'is no trace dump that is read but a table with tabs'],
    ['a byte order mark', bytes('efbbbf 0d0a'), 'holds only white space'],
    ['prose', text('Dear colleagues, the traces,\nare elsewhere.\n'), 'is text in no format that is read'],
    ['coloured prose', text('\u001b[31mred\u001b[0m\n'), 'is text in no format that is read'],
    ['noise', bytes('0102030405 9988'), 'is binary data in no format that is read'],
  ])('of %s says what it is', (_, head, message) => {
    expect(refusalOf(head, true).message).toBe(message);
    expect(refusalOf(head, true).hint).not.toBe('');
  });

  test('of white space that goes on does not say that it is all', () => {
    expect(refusalOf(text('\n'.repeat(100)), false).message).toBe('begins with nothing but white space');
  });

  test('of what is packed says how to unpack it', () => {
    expect(refusalOf(bytes('fd377a585a00'), true).hint).toBe('unpack it: xz -dc FILE | tailspan summary');
  });

  test('of a DuckDB database says how to open it', () => {
    expect(refusalOf(bytes('0011223344556677 4455434b 40'), true).hint).toBe('name a database with --db');
  });
});
