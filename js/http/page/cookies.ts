// SPDX-License-Identifier: MIT
// cookies - those of a bridged server (RFC 6265): browsers keep none that come through a service worker
//
// All are of one host, so Domain, Secure and SameSite make no difference. They last as long as the page does.

/** Cookies at the most; the oldest go first. */
const MAX_COOKIES = 300;
/** Characters that a cookie has none of, but tabs. */
const CONTROL = /[^\t\P{Cc}]/u;
/** Bytes of a cookie with its attributes, about: longer ones are ignored. */
const MAX_LENGTH = 4096;

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  /** ms since 1970; Infinity: with the page. */
  readonly expires: number;
  readonly isHttpOnly: boolean;
}

/** A path without its query. */
const pathnameOf = (path: string): string => path.replace(/\?.*/s, '');

/** The path of cookies that name none: that of the request without its last part (RFC 6265, 5.1.4). */
const defaultPath = (path: string): string =>
  path.slice(0, Math.max(path.lastIndexOf('/'), 1)) || '/';

const isWithin = (path: string, of: string): boolean =>
  path === of || (path.startsWith(of) && (of.endsWith('/') || path[of.length] === '/'));

/** When a cookie with these attributes expires. */
function expiryOf(attributes: ReadonlyMap<string, string>): number {
  const maxAge = attributes.get('max-age');
  if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return Date.now() + Number(maxAge) * 1000;
  const expires = Date.parse(attributes.get('expires') ?? '');
  return Number.isNaN(expires) ? Number.POSITIVE_INFINITY : expires;
}

/** Name and value, or name and value of an attribute. */
function pairOf(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text.trim(), ''] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** The cookies of one server. */
export class CookieJar {
  /** By name and path; the oldest first. */
  readonly #cookies = new Map<string, Cookie>();

  /**
   * Takes a cookie.
   *
   * @param text - Value of a Set-Cookie, or what a script gave document.cookie.
   * @param path - Of the request, or the script's document.
   * @param isScript - Whether a script sets it, which neither makes nor changes cookies with HttpOnly.
   * @throws Never: what is no cookie is ignored.
   */
  set(text: string, path: string, isScript = false): void {
    if (text.length > MAX_LENGTH || CONTROL.test(text)) return;
    const [first = '', ...rest] = text.split(';');
    const [name, value] = first.includes('=') ? pairOf(first) : ['', first.trim()];
    if (name === '' && value === '') return;
    const attributes = new Map(rest.map(pairOf).map(([key, of]) => [key.toLowerCase(), of]));
    const given = attributes.get('path') ?? '';
    const isHttpOnly = attributes.has('httponly');
    const cookie: Cookie = {
      name,
      value,
      path: given.startsWith('/') ? given : defaultPath(pathnameOf(path)),
      expires: expiryOf(attributes),
      isHttpOnly,
    };
    const key = `${name};${cookie.path}`;
    const old = this.#cookies.get(key);
    if (isScript && (isHttpOnly || old?.isHttpOnly)) return;
    if (cookie.expires <= Date.now()) this.#cookies.delete(key);
    else this.#cookies.set(key, cookie);
    for (const [oldest] of this.#cookies) {
      if (this.#cookies.size <= MAX_COOKIES) break;
      this.#cookies.delete(oldest);
    }
  }

  /**
   * The cookies for a path, as the field Cookie has them.
   *
   * @param path - Of the request or the document.
   * @param isScript - Whether a script asks, which sees none with HttpOnly.
   * @returns The text; '' if there are none.
   * @throws Never.
   */
  get(path: string, isScript = false): string {
    const now = Date.now();
    const pathname = pathnameOf(path);
    return [...this.#cookies.values()]
      .filter((one) => one.expires > now && isWithin(pathname, one.path))
      .filter((one) => !isScript || !one.isHttpOnly)
      .sort((a, b) => b.path.length - a.path.length)
      .map(({ name, value }) => (name === '' ? value : `${name}=${value}`))
      .join('; ');
  }
}
