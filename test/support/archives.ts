import { crc32, deflateRawSync } from 'node:zlib';

// Archives as programs write them, and with fields that are not as they should be.

interface File {
  readonly path: string;
  readonly content: Uint8Array;
  /** Fields of a zip entry that are not as they should be. */
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly attributes?: number;
  readonly stored?: Uint8Array;
  /** The type of a tar entry. */
  readonly type?: string;
}

export const file = (path: string, content: Uint8Array, more: Partial<File> = {}): File => ({ path, content, ...more });

export function zip(...files: readonly File[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { path, content, method = 8, flags = 0x800, crc, attributes = 0, stored } of files) {
    const name = Buffer.from(path);
    const data = stored ?? (method === 8 ? deflateRawSync(content) : content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc ?? crc32(content), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const end = Buffer.alloc(14);
    end.writeUInt32LE(attributes, 6);
    end.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('504b01021400', 'hex'), common, end, name);
    parts.push(Buffer.from('504b0304', 'hex'), common, name, Buffer.from(data));
    offset = Buffer.concat(parts).length;
  }
  const central = Buffer.concat(directory);
  const last = Buffer.alloc(22);
  last.write('PK\x05\x06', 'latin1');
  last.writeUInt16LE(files.length, 8);
  last.writeUInt16LE(files.length, 10);
  last.writeUInt32LE(central.length, 12);
  last.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, last]);
}

export function tarHeader(path: string, size: number, type = '0'): Buffer {
  const header = Buffer.alloc(512);
  header.write(path, 'utf8');
  header.write('0000644\0', 100);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write(' '.repeat(8), 148);
  header.write(type, 156);
  header.write('ustar\0', 257);
  const sum = header.reduce((total, byte) => total + byte);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

export function padded(content: Uint8Array): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

export function tar(...files: readonly File[]): Buffer {
  const parts = files.flatMap(({ path, content, type }) => [tarHeader(path, content.length, type), padded(content)]);
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}
