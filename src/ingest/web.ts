import { SourceDamage } from './damage.ts';

// Sources on the web: `https://…`, read as they come.

/** How long a server may take to begin its answer, in milliseconds. */
const ANSWER_TIMEOUT = 30_000;
/** Parameters that give access, as in links that cloud storage has signed. */
const SECRET_PARAMETER = /token|secret|password|passwd|credential|signature|^sig$|key|auth/i;

/** Says whether a name is an address on the web. */
export function isUrl(name: string): boolean {
  return /^https?:\/\//i.test(name);
}

/** Returns an address as it may be shown and stored: without what gives access. Undefined where it is no address. */
export function shownUrl(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  url.username = url.password = '';
  url.hash = '';
  const secrets = [...url.searchParams.keys()].filter(name => SECRET_PARAMETER.test(name));
  for (const name of secrets) url.searchParams.set(name, '***');
  return url.href;
}

/** Returns what was meant to be an address without what may be a password. */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//');
}

/** Yields what a server answers. Throws `SourceDamage` where there is no answer, it is an error, or it breaks off. */
export async function* webChunks(address: string, timeout = ANSWER_TIMEOUT): AsyncGenerator<Uint8Array> {
  const url = new URL(address);
  const headers = new Headers();
  // `fetch` refuses addresses with credentials; as a header they do not follow a redirect to another server.
  if (url.username !== '' || url.password !== '') {
    const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`);
    url.username = url.password = '';
  }
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeout);
  let response: Response;
  try {
    response = await fetch(url, { headers, signal: abort.signal });
  } catch (error) {
    throw abort.signal.aborted ? tooSlow(timeout, error) : noAnswer(error, url);
  } finally {
    clearTimeout(timer);
  }
  try {
    if (!response.ok) throw refused(response);
    for await (const chunk of response.body ?? []) yield chunk;
  } catch (error) {
    if (error instanceof SourceDamage) throw error;
    throw new SourceDamage(`broke off: ${reasonOf(error)}`, { cause: error, hint: 'try again' });
  } finally {
    // Nothing more is wanted, whether or not all has come.
    abort.abort();
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A per cent sign of its own.
    return text;
  }
}

function tooSlow(timeout: number, cause: unknown): SourceDamage {
  return new SourceDamage(`gives no answer: the server did not begin one within ${timeout / 1000} s`, {
    cause,
    hint: 'try again, or download the file by other means',
  });
}

/** Why there is no connection, in words. */
function noAnswer(error: unknown, { hostname, host }: URL): SourceDamage {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const damage = (message: string, hint: string) => new SourceDamage(message, { cause: error, hint });
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return damage(
        `gives no answer: there is no server of the name ${hostname}`,
        'check the address and the connection to the network',
      );
    case 'ECONNREFUSED':
      return damage(`gives no answer: ${host} refused the connection`, 'check the port, and that the server runs');
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return damage(
        `gives no answer: ${host} cannot be reached`,
        'check the address and the connection to the network',
      );
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return damage(`gives no answer: ${host} closed the connection`, 'try again; is it https rather than http?');
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return damage(`is not trusted: ${reasonOf(cause)}`, 'NODE_EXTRA_CA_CERTS names a file of further certificates');
  }
  return damage(`gives no answer: ${reasonOf(cause)}`, 'check the address');
}

function refused({ status, statusText }: Response): SourceDamage {
  const text = statusText === '' ? '' : ` ${statusText}`;
  return new SourceDamage(`was refused by the server: ${status}${text}`, { hint: hintFor(status) });
}

function hintFor(status: number): string {
  if (status === 401) return 'it asks for credentials: https://USER:PASSWORD@HOST/…';
  if (status === 403) return 'the credentials do not allow it, or the link has expired';
  if (status === 404 || status === 410) return 'check the address; of an API, the trace may be gone';
  if (status === 429) return 'the server is asked too often; try again later';
  if (status >= 500) return 'the server is in trouble; try again later';
  return 'check the address';
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  return message === '' ? String(cause) : message;
}
