import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../src/ingest/compression.ts';
import { SourceDecoder } from '../../src/ingest/decoding.ts';
import { findSources } from '../../src/ingest/source.ts';
import { isUrl, shownUrl, webChunks } from '../../src/ingest/web.ts';
import { fixture } from '../support/fixtures.ts';

// Sources on the web, from a server on the loopback that stops with its test.

const PLAIN = fixture('otlp-json/plain.json');

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

/** Reads an address as the program does. */
async function read(address: string) {
  const { sources, problems } = await findSources([address]);
  expect(problems).toEqual([]);
  const decoder = new SourceDecoder(
    { producer: 0, firstValueId: 1, onBatch: () => {} },
    { limits: DEFAULT_LIMITS, compression: DEFAULT_COMPRESSION_LIMITS },
  );
  return decoder.decode(sources[0]!);
}

describe('an answer', () => {
  test('is read as a file is', async () => {
    const base = await serve((_, response) => response.end(PLAIN));
    expect(await read(`${base}/traces.json`)).toMatchObject({
      source: `${base}/traces.json`,
      format: 'otlp-json',
      spans: 4,
      bytes: PLAIN.length,
      fault: undefined,
    });
  });

  test('may be compressed, as a file and for the way', async () => {
    const base = await serve((request, response) => {
      if (request.url === '/encoded') response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync(PLAIN));
    });
    for (const path of ['/traces.json.gz', '/encoded']) {
      expect(await read(base + path)).toMatchObject({ spans: 4, contentBytes: PLAIN.length, fault: undefined });
    }
  });

  test('may be somewhere else', async () => {
    const base = await serve((request, response) => {
      if (request.url === '/here') response.end(PLAIN);
      else response.writeHead(302, { location: '/here' }).end();
    });
    expect(await read(`${base}/there`)).toMatchObject({ source: `${base}/there`, spans: 4, fault: undefined });
  });

  test('may come in any pieces, and slowly', async () => {
    const base = await serve(async (_, response) => {
      for (let at = 0; at < PLAIN.length; at += 1000) {
        response.write(PLAIN.subarray(at, at + 1000));
        await new Promise(resolve => setTimeout(resolve, 2));
      }
      response.end();
    });
    expect(await read(base)).toMatchObject({ spans: 4, fault: undefined });
  });

  test('that breaks off gives what came, and says so', async () => {
    const lines = fixture('otlp-json/shop.jsonl');
    const base = await serve((_, response) => {
      response.writeHead(200, { 'content-length': lines.length });
      response.write(lines.subarray(0, lines.length >> 1), () => setTimeout(() => response.destroy(), 20));
    });
    const { spans, fault } = await read(base);
    expect(spans).toBeGreaterThan(0);
    expect(fault?.message).toMatch(/^broke off: /);
    expect(fault?.hint).toBe('try again');
  });

  test.each([
    [401, 'was refused by the server: 401 Unauthorized', /credentials/],
    [403, 'was refused by the server: 403 Forbidden', /credentials/],
    [404, 'was refused by the server: 404 Not Found', /address/],
    [429, 'was refused by the server: 429 Too Many Requests', /later/],
    [503, 'was refused by the server: 503 Service Unavailable', /later/],
  ])('of the status %i is a fault', async (status, message, hint) => {
    const base = await serve((_, response) => response.writeHead(status).end(PLAIN));
    const account = await read(base);
    expect(account).toMatchObject({ spans: 0, fault: { message } });
    expect(account.fault?.hint).toMatch(hint);
  });
});

describe('no answer', () => {
  test('comes from a port that nobody listens at', async () => {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise(resolve => server.close(resolve));
    const { fault } = await read(`http://127.0.0.1:${port}/traces.json`);
    expect(fault).toEqual({
      message: `gives no answer: 127.0.0.1:${port} refused the connection`,
      hint: 'check the port, and that the server runs',
    });
  });

  test('comes from a server whose name is not known', async () => {
    const { fault } = await read('http://nowhere.invalid/traces.json');
    expect(fault?.message).toBe('gives no answer: there is no server of the name nowhere.invalid');
  });

  test('comes from a server that waits too long', async () => {
    const base = await serve(() => {});
    const chunks = webChunks(base, 50);
    await expect(chunks.next()).rejects.toThrow('gives no answer: the server did not begin one within 0.05 s');
  });

  test('comes from a server that hangs up', async () => {
    const base = await serve(request => request.socket.destroy());
    const { fault } = await read(base);
    expect(fault?.message).toBe(`gives no answer: ${base.slice('http://'.length)} closed the connection`);
  });
});

describe('credentials', () => {
  test('are sent, but neither shown nor sent on to another server', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end(PLAIN);
    });
    const base = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(302, { location: other }).end();
    });
    const account = await read(base.replace('://', '://user:p%40ss@'));
    expect(account).toMatchObject({ source: `${base}/`, spans: 4 });
    expect(seen).toEqual([`Basic ${Buffer.from('user:p@ss').toString('base64')}`, undefined]);
  });

  test.each([
    ['https://user:secret@host/a?b=c', 'https://host/a?b=c'],
    ['https://host/a?X-Amz-Signature=abc&limit=20', 'https://host/a?X-Amz-Signature=***&limit=20'],
    ['https://host/a?access_token=abc#part', 'https://host/a?access_token=***'],
    ['https://host:8443/api/traces?service=shop', 'https://host:8443/api/traces?service=shop'],
  ])('of %s are not shown', (address, shown) => {
    expect(shownUrl(address)).toBe(shown);
  });

  test('of what is no address are not shown either', async () => {
    const { problems } = await findSources(['http://user:secret@:x/']);
    expect(problems).toEqual([{ name: 'http://:x/', message: 'is not an address', hint: 'check how it is written' }]);
  });
});

test('what is an address on the web, and what is a file', async () => {
  expect(['http://a', 'HTTPS://b/c', 'ftp://a', 'http', 'a/http://b', './https://x'].map(isUrl)).toEqual([
    ...[true, true],
    ...[false, false, false, false],
  ]);
  const { sources } = await findSources(['https://a/x', 'https://a/x', 'https://a/y']);
  expect(sources.map(({ name }) => name)).toEqual(['https://a/x', 'https://a/y']);
});
