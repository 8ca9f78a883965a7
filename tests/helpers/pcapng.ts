// SPDX-License-Identifier: MIT
// pcapng - reads a pcapng file as strictly as a test needs: anything amiss throws

/** Contents of a file. */
export interface Capture {
  readonly interfaces: { linkType: number; snapLength: number; name: string | undefined }[];
  readonly packets: {
    interface: number;
    micros: bigint;
    length: number;
    bytes: Uint8Array;
    comment: string | undefined;
  }[];
}

const padded = (length: number): number => (length + 3) & ~3;

/** The text of one option among those at the end of a block. */
function readOption(block: Uint8Array, from: number, wanted: number): string | undefined {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  let found: string | undefined;
  for (let at = from; at < block.length; ) {
    const code = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    if (code === 0) {
      if (length !== 0 || at + 4 !== block.length) throw new Error('options end before the block');
      return found;
    }
    if (at + 4 + padded(length) > block.length) throw new Error('an option runs over its block');
    const value = new TextDecoder('utf-8', { fatal: true }).decode(
      block.slice(at + 4, at + 4 + length),
    );
    if (code === wanted) found = value;
    at += 4 + padded(length);
  }
  if (from !== block.length) throw new Error('options without an end');
  return found;
}

/** Splits a file into blocks, bodies only. */
function* blocksOf(file: Uint8Array): Generator<[type: number, body: Uint8Array]> {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  for (let at = 0; at < file.length; ) {
    const size = view.getUint32(at + 4, true);
    if (size < 12 || size % 4 !== 0 || at + size > file.length) throw new Error(`block of ${size}`);
    if (view.getUint32(at + size - 4, true) !== size) throw new Error('lengths differ');
    yield [view.getUint32(at, true), file.subarray(at + 8, at + size - 4)];
    at += size;
  }
}

/** Reads a file. */
export function readPcapng(file: Uint8Array): Capture {
  const capture: Capture = { interfaces: [], packets: [] };
  for (const [i, [type, body]] of [...blocksOf(file)].entries()) {
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    const word = (index: number): number => view.getUint32(index * 4, true);
    if ((i === 0) !== (type === 0x0a0d0d0a)) throw new Error('not one section header, first');
    if (type === 0x0a0d0d0a && word(0) !== 0x1a2b3c4d) throw new Error('byte order');
    if (type === 1) {
      const name = readOption(body, 8, 2);
      capture.interfaces.push({ linkType: word(0) & 0xffff, snapLength: word(1), name });
    }
    if (type === 6) {
      const [kept, length] = [word(3), word(4)];
      if (kept > length || word(0) >= capture.interfaces.length)
        throw new Error('bad packet block');
      capture.packets.push({
        interface: word(0),
        micros: (BigInt(word(1)) << 32n) | BigInt(word(2)),
        length,
        bytes: body.slice(20, 20 + kept),
        comment: readOption(body, 20 + padded(kept), 1),
      });
    }
  }
  return capture;
}
