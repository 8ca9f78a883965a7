// SPDX-License-Identifier: MIT
// inject - puts a tag in front of all other scripts of a document, while it streams

/** The text that may stand in front of it: white space, comments, the doctype, html and head. */
const PREAMBLE =
  /^(?:\xEF\xBB\xBF)?(?:\s|<!--[\s\S]*?-->|<![a-z][^>]*>|<html(?:\s[^>]*)?>|<head(?:\s[^>]*)?>)*/i;
/** Bytes within which it is found. */
const MAX_PREAMBLE = 16_384;

const latin1 = new TextDecoder('latin1');

/** The offset for the tag; -1: none, undefined: more has to come. */
function placeIn(bytes: Uint8Array, isAll: boolean): number | undefined {
  // Its first bytes may say how it is coded.
  if (bytes.length < 3 && !isAll) return undefined;
  // UTF-16, which a text in ASCII would spoil.
  if (bytes[0] === 0xff ? bytes[1] === 0xfe : bytes[0] === 0xfe && bytes[1] === 0xff) return -1;
  const text = latin1.decode(bytes.subarray(0, MAX_PREAMBLE));
  const [{ length }] = PREAMBLE.exec(text) as unknown as [string];
  const rest = text.slice(length);
  const isWhole = rest !== '' && (!rest.startsWith('<') || /^<(?!!--)[^>]*>/.test(rest));
  return isWhole || isAll || bytes.length >= MAX_PREAMBLE ? length : undefined;
}

/**
 * Puts a tag into a document.
 *
 * @param tag - The tag, in ASCII.
 * @returns A stream that the bytes of the document go through. One in UTF-16 stays as it is.
 * @throws Never.
 */
export function injection(tag: string): TransformStream<Uint8Array, Uint8Array> {
  let held: Uint8Array | undefined = new Uint8Array();
  const flush = (
    controller: TransformStreamDefaultController<Uint8Array>,
    bytes: Uint8Array,
    isAll: boolean,
  ): void => {
    const place = placeIn(bytes, isAll);
    held = place === undefined ? bytes : undefined;
    if (place === undefined) return;
    if (place > 0) controller.enqueue(bytes.subarray(0, place));
    if (place >= 0) controller.enqueue(new TextEncoder().encode(tag));
    controller.enqueue(bytes.subarray(Math.max(place, 0)));
  };
  return new TransformStream({
    transform(chunk, controller) {
      if (!held) return controller.enqueue(chunk);
      const bytes = new Uint8Array(held.length + chunk.length);
      bytes.set(held);
      bytes.set(chunk, held.length);
      return flush(controller, bytes, false);
    },
    flush: (controller) => held && flush(controller, held, true),
  });
}
