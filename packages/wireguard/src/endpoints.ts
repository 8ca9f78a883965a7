// SPDX-License-Identifier: MIT
// endpoints - addresses as text and as struct endpoint; most are the ones of the datagram before

import { NetError } from '../../../js/errors.ts';
import { formatIp, parseIp } from '../../../js/util/address.ts';
import { show, whole } from '../../../js/util/check.ts';
import { ENDPOINT_WORDS } from './core.ts';
import type { WireGuardEndpoint } from './types.ts';

/** Addresses kept; all are forgotten at once. */
const MOST = 1024;

/** A struct endpoint as text. */
export interface EndpointText {
  readonly transport: number;
  readonly to: WireGuardEndpoint | undefined;
}

/** Makes a struct endpoint. */
function wordsOf(transport: number, host?: string, port = 0): Int32Array<ArrayBuffer> {
  const words = new Int32Array(ENDPOINT_WORDS);
  const bytes = new Uint8Array(words.buffer);
  words[0] = transport | (port << 16);
  if (host === undefined) return words;
  const address = parseIp(host, { zone: true });
  words[1] = address.family;
  bytes.set(address.bytes, 8);
  return words;
}

/** Reads and makes struct endpoint; keeps the zones of link-local addresses, which it has no room for. */
export class Endpoints {
  readonly #byText = new Map<string, Int32Array<ArrayBuffer>>();
  readonly #byWords = new Map<string, EndpointText>();
  readonly #zones = new Map<string, string>();
  #host: string | undefined;
  #port: number | undefined;
  #transport = -1;
  #words = new Int32Array(ENDPOINT_WORDS);
  readonly #lastWords = new Int32Array(ENDPOINT_WORDS).fill(-1);
  #last: EndpointText = { transport: 0, to: undefined };

  /** The words of a source; throws NetError EINVAL for what is no address. */
  words(transport: number, host?: string, port?: number): Int32Array<ArrayBuffer> {
    if (host === this.#host && port === this.#port && transport === this.#transport) {
      return this.#words;
    }
    const text = `${transport} ${host} ${port}`;
    let words = this.#byText.get(text);
    if (!words) {
      if (this.#byText.size >= MOST) this.#byText.clear();
      words = wordsOf(transport, host, port);
      this.#byText.set(text, words);
      if (host?.includes('%')) this.#keepZone(host);
    }
    this.#host = host;
    this.#port = port;
    this.#transport = transport;
    this.#words = words;
    return words;
  }

  #keepZone(host: string): void {
    if (this.#zones.size >= MOST) this.#zones.clear();
    this.#zones.set(formatIp({ ...parseIp(host, { zone: true }), zone: '' }).slice(0, -1), host);
  }

  /** The text of words at a place. */
  text(i32: Int32Array, at: number): EndpointText {
    let isSame = true;
    for (let i = 0; i < ENDPOINT_WORDS; i++) {
      const word = i32[at + i] as number;
      isSame &&= word === this.#lastWords[i];
      this.#lastWords[i] = word;
    }
    if (!isSame) this.#last = this.#find();
    return this.#last;
  }

  #find(): EndpointText {
    const name = this.#lastWords.join();
    let text = this.#byWords.get(name);
    if (!text) {
      if (this.#byWords.size >= MOST) this.#byWords.clear();
      text = this.#read();
      this.#byWords.set(name, text);
    }
    return text;
  }

  #read(): EndpointText {
    const bytes = new Uint8Array(this.#lastWords.buffer);
    const first = this.#lastWords[0] as number;
    const family = this.#lastWords[1] as 0 | 4 | 6;
    const transport = first & 0xffff;
    if (family === 0) return { transport, to: undefined };
    const plain = formatIp({ family, bytes: bytes.slice(8, 24) });
    return { transport, to: { host: this.#zones.get(plain) ?? plain, port: first >>> 16 } };
  }
}

const PORT = whole(1, 65535);

/** Splits `10.0.0.1:51820` or `[fd00::1]:51820`; a host may be a name. Throws NetError EINVAL. */
export function splitEndpoint(
  action: string,
  endpoint: WireGuardEndpoint | string,
): WireGuardEndpoint {
  const [, v6, name, digits] =
    (typeof endpoint === 'string' && /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(endpoint)) ||
    [];
  const { host, port } =
    typeof endpoint === 'string' ? { host: v6 ?? name, port: Number(digits) } : endpoint;
  if (typeof host === 'string' && host !== '' && PORT(port) === undefined) return { host, port };
  throw new NetError('EINVAL', `${action} with endpoint ${show(endpoint)}`, {
    reason: 'must be an address and a port from 1 to 65535, such as 10.0.0.1:51820',
  });
}

/** Whether a host is an address and no name. */
export function isAddress(host: string): boolean {
  try {
    parseIp(host, { zone: true });
    return true;
  } catch {
    return false;
  }
}
