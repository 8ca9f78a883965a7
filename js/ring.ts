// SPDX-License-Identifier: MIT
// ring - the JavaScript side of the rings; twin: core/ring.h
//
// core/ring.h has the theory of operation and the diagram that the letters of js/ring/ refer to. Five
// operations each: reserve, submit, cancel for a producer; peek, release for a consumer.

export { ByteConsumer, ByteProducer } from './ring/byte.ts';
export { FrameConsumer, FrameProducer, FULL_NOW, NEVER_FITS } from './ring/frame.ts';
