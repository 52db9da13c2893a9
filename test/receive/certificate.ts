import { generateKeyPairSync, sign } from 'node:crypto';

// A certificate for this machine that signs itself, made for one test: Node.js has no function that makes one. RFC 5280.

/** Returns certificate and key as PEM. */
export function selfSigned(): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid([1, 2, 840, 10045, 4, 3, 2]));
  const name = sequence(element(0x31, sequence(oid([2, 5, 4, 3]), element(0x0c, Buffer.from('localhost')))));
  const time = (text: string) => element(0x18, Buffer.from(text));
  const subjectAltName = sequence(
    oid([2, 5, 29, 17]),
    element(0x04, sequence(element(0x87, Buffer.from([127, 0, 0, 1])), element(0x82, Buffer.from('localhost')))),
  );
  const content = sequence(
    element(0xa0, integer(2)),
    integer(1),
    ecdsaWithSha256,
    name,
    sequence(time('20200101000000Z'), time('20990101000000Z')),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(subjectAltName)),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', content, privateKey)]);
  const der = sequence(content, ecdsaWithSha256, element(0x03, signature));
  const lines = der.toString('base64').replace(/(.{64})/g, '$1\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: readonly Uint8Array[]) => element(0x30, ...parts);
const integer = (value: number) => element(0x02, Buffer.from([value]));

function oid([first = 0, second = 0, ...rest]: readonly number[]): Buffer {
  const bytes = rest.flatMap(value => {
    const groups = [value & 127];
    for (let left = value >> 7; left > 0; left >>= 7) groups.unshift((left & 127) | 128);
    return groups;
  });
  return element(0x06, Buffer.from([first * 40 + second, ...bytes]));
}
