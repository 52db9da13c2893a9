import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { AGENT_CALLS } from './body-formats.ts';
import { endpointOf, type Receiver, type ReceiverOptions } from './receiver.ts';

// Jaeger's agent: a datagram is a call of `emitBatch`, by the port in the compact or the binary protocol; here either is taken
// at either. Nothing is answered: what cannot be read is counted here and nowhere else.
// https://github.com/jaegertracing/jaeger-idl/blob/main/thrift/agent.thrift

/** Room for datagrams that come while one is decoded; the system may give less. */
const BUFFER_BYTES = 1 << 20;

/** Begins to listen; `name` is the receiver's. */
export async function start(name: string, options: ReceiverOptions): Promise<Receiver> {
  const { host, sink } = options;
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  socket.on('message', body => {
    void sink.accept({ receiver: name, formats: AGENT_CALLS, body });
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: host, port: options.port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  // An error of a datagram that was sent here is nobody's.
  socket.on('error', () => {});
  socket.setRecvBufferSize(BUFFER_BYTES);
  const { port } = socket.address();
  return {
    port,
    endpoint: endpointOf('udp', host, port),
    stop: () => new Promise<void>(resolve => socket.close(() => resolve())),
  };
}
