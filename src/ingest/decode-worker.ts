import { parentPort, workerData } from 'node:worker_threads';
import { DecodeService, type ToWorker } from './decode-service.ts';

// The decode thread: a `DecodeService` behind the port of a worker.

const port = parentPort;
if (port === null) throw new Error('decode-worker runs in a worker thread');
const service = new DecodeService(workerData, message => port.postMessage(message));
port.on('message', (message: ToWorker) => service.receive(message));
