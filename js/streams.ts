// SPDX-License-Identifier: MIT
// streams - web streams over rings: the face of js/streams/
//
// Theory of operation
//
// The streams queue nothing themselves (high-water mark 0). A read is answered from the ring, a write
// goes into the ring, and a chunk that does not fit waits inside the sink's promise. So backpressure is
// that of the ring: what a program does not read stays in the ring and closes the peer's window.
//
// Bytes are copied once each way. A BYOB read is copied straight into the view that the stream hands out
// (at its own byteOffset). A chunk for a default reader is congruent mod 8 to the bytes in the ring
// (js/util/aligned_copy.ts), so its byteOffset may not be 0. Chunks are never over shared memory, and each
// has a buffer of its own: they can be transferred.
//
// A side of a ring has one owner, which it tells of what the program does (ReadableOwner and so on).
//
// Streams of frames are not here: what this face names is downloaded with the main entry, and only an
// interface that has rings needs js/streams/frame_streams.ts and frame_access.ts.

export { RingReader, RingWriter } from './streams/byte_access.ts';
export { ByteReadable } from './streams/byte_readable.ts';
export { ByteWritable } from './streams/byte_writable.ts';
export { type Chunk, copyChunk } from './streams/chunk.ts';
export {
  type DirectReadable,
  type DirectWritable,
  FastReadable,
  FastWritable,
} from './streams/fast_path.ts';
export { iterate } from './streams/iterate.ts';
export { handlePipes, released } from './streams/lock.ts';
