// A process that sends export requests for a while, and says what became of them on stdout, as one line of JSON.
//   node bench/live/load.ts --data bench/data/s100k --protocol http --port 4318 --batch 512 --seconds 60 --connections 8

import { Agent, request } from 'node:http';
import { connect } from 'node:http2';
import { positiveNumber, readOptions } from '../options.ts';
import { fresh, type Template, templatesOf } from './bodies.ts';

export interface LoadReport {
  readonly seconds: number;
  readonly acknowledgedSpans: number;
  readonly acknowledgedRequests: number;
  /** Requests that were answered with anything but success. */
  readonly others: number;
  /** Milliseconds from the first byte sent to the answer. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const options = readOptions(import.meta.filename, {
  data: { type: 'string' },
  protocol: { type: 'string', default: 'http' },
  port: { type: 'string' },
  batch: { type: 'string', default: '512' },
  seconds: { type: 'string', default: '60' },
  connections: { type: 'string', default: '8' },
  rate: { type: 'string' },
});

const TEMPLATES = 200;
const seconds = positiveNumber('--seconds', options.seconds);
const connections = positiveNumber('--connections', options.connections);
const port = positiveNumber('--port', options.port ?? '');
const spansPerSecond = options.rate === undefined ? Infinity : positiveNumber('--rate', options.rate);
const templates = templatesOf(`${options.data}.otlp.pb`, positiveNumber('--batch', options.batch), TEMPLATES);
const send = options.protocol === 'grpc' ? grpcSender() : httpSender();

const latencies: number[] = [];
let spans = 0;
let others = 0;
let serial = (Date.now() & 0x7ff) << 20;
let offered = 0;
const begun = performance.now();
const end = begun + seconds * 1000;

await Promise.all(Array.from({ length: connections }, keepSending));
const elapsed = (performance.now() - begun) / 1000;
latencies.sort((a, b) => a - b);
const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
const report: LoadReport = {
  seconds: elapsed,
  acknowledgedSpans: spans,
  acknowledgedRequests: latencies.length,
  others,
  p50: at(0.5),
  p99: at(0.99),
  max: at(1),
};
process.stdout.write(`${JSON.stringify(report)}\n`);
send.close();

async function keepSending(_: unknown, connection: number): Promise<void> {
  while (performance.now() < end) {
    const template: Template = templates[serial % templates.length]!;
    const due = begun + (offered / spansPerSecond) * 1000;
    offered += template.spanCount;
    const wait = due - performance.now();
    if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait));
    const body = fresh(template, serial++);
    const sent = performance.now();
    if (await send.send(body, connection)) {
      latencies.push(performance.now() - sent);
      spans += template.spanCount;
    } else {
      others++;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }
}

interface Sender {
  /** Returns whether the request was acknowledged. */
  send(body: Buffer, connection: number): Promise<boolean>;
  close(): void;
}

function httpSender(): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const headers = { 'Content-Type': 'application/x-protobuf' };
  return {
    send: body =>
      new Promise(resolve => {
        const sent = request(
          { agent, host: '127.0.0.1', port, method: 'POST', path: '/v1/traces', headers },
          response => {
            response.resume();
            response.on('end', () => resolve(response.statusCode === 200));
          },
        );
        sent.on('error', () => resolve(false));
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/** Calls as HTTP/2 has them: a client library would cost more than the listener. */
function grpcSender(): Sender {
  const sessions = Array.from({ length: connections }, () => connect(`http://127.0.0.1:${port}`));
  for (const session of sessions) session.on('error', () => {});
  return {
    send: (body, connection) =>
      new Promise(resolve => {
        const stream = sessions[connection]!.request({
          ':method': 'POST',
          ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        let status: unknown;
        stream.on('response', headers => {
          status ??= headers['grpc-status'];
        });
        stream.on('trailers', trailers => {
          status ??= trailers['grpc-status'];
        });
        stream.on('error', () => resolve(false));
        stream.on('close', () => resolve(status === '0'));
        stream.resume();
        const prefix = Buffer.alloc(5);
        prefix.writeUInt32BE(body.length, 1);
        stream.write(prefix);
        stream.end(body);
      }),
    close: () => {
      for (const session of sessions) session.close();
    },
  };
}
