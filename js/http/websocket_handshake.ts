// SPDX-License-Identifier: MIT
// websocket_handshake - what both sides compute of the opening handshake (RFC 6455, 4)

import { toLatin1 } from '../codec/http1.ts';
import { sha1 } from '../codec/sha1.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

/** Sec-WebSocket-Accept of a Sec-WebSocket-Key. */
export const acceptOf = (key: string): string => base64(sha1(toLatin1(key + GUID)));

/** A Sec-WebSocket-Key. */
export const randomKey = (): string => base64(crypto.getRandomValues(new Uint8Array(16)));

/** Whether a text is base64 of 16 bytes. */
export const isKey = (text: string): boolean => /^[A-Za-z0-9+/]{22}==$/.test(text);
