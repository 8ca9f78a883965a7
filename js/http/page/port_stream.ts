// SPDX-License-Identifier: MIT
// port_stream - a stream of bytes by a MessagePort, with backpressure, in every browser
//
// Theory of operation
//
// The sender may be CREDIT chunks ahead of the receiver, which gives one credit for each chunk that was read.
// So no more than that waits between them, and a receiver that is slow holds the source off. Streams that
// browsers transfer by themselves would do the same, but not all browsers do. A port is closed by the side that
// gets its last message: closed by the other, that could be lost.

/** Chunks that may be on their way. */
const CREDIT = 8;

type ToReceiver =
  | { readonly chunk: Uint8Array }
  | { readonly end: true }
  | { readonly error: string };
type ToSender = 'credit' | { readonly cancel: string };

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/**
 * Sends a stream.
 *
 * @param stream - Bytes; cancelled if the receiver wants no more.
 * @param signal - Cancels it with its reason.
 * @param onOver - Called when it was sent or cancelled.
 * @returns The port for receiveStream(), to be transferred.
 * @throws Never.
 */
export function sendStream(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  onOver: () => void = () => {},
): MessagePort {
  const { port1: port, port2 } = new MessageChannel();
  const reader = stream.getReader();
  let credit = CREDIT;
  let wake = (): void => {};
  let isOver = false;
  const cancel = (reason: unknown): void => {
    isOver = true;
    reader.cancel(reason).catch(() => {});
    wake();
  };
  const abort = (): void => cancel(signal.reason);
  port.onmessage = ({ data }: MessageEvent<ToSender>) => {
    if (data === 'credit') credit++;
    else cancel(new Error(data.cancel));
    wake();
  };
  const post = (message: ToReceiver, transfer: Transferable[] = []): void =>
    port.postMessage(message, transfer);
  const run = async (): Promise<void> => {
    try {
      for (;;) {
        while (credit === 0 && !isOver) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        if (isOver) return;
        const { done, value } = await reader.read();
        if (done) return post({ end: true });
        credit--;
        // A copy: the buffer may be shared memory, or have more in it.
        const chunk = value.slice();
        post({ chunk }, [chunk.buffer]);
      }
    } catch (error) {
      post({ error: messageOf(error) });
    } finally {
      signal.removeEventListener('abort', abort);
      onOver();
    }
  };
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort);
  void run();
  return port2;
}

/**
 * Receives a stream.
 *
 * @param port - Of sendStream().
 * @param signal - Fails it with its reason.
 * @returns The stream.
 * @throws Never.
 */
export function receiveStream(port: MessagePort, signal: AbortSignal): ReadableStream<Uint8Array> {
  const queue: (ToReceiver | 'cancelled')[] = [];
  let wake = (): void => {};
  const end = (): void => {
    signal.removeEventListener('abort', abort);
    port.close();
  };
  const push = (message: ToReceiver | 'cancelled'): void => {
    queue.push(message);
    wake();
  };
  const abort = (): void => {
    port.postMessage({ cancel: messageOf(signal.reason) } satisfies ToSender);
    push({ error: messageOf(signal.reason) });
  };
  port.onmessage = ({ data }: MessageEvent<ToReceiver>) => push(data);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (queue.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const message = queue.shift() as ToReceiver | 'cancelled';
        if (message === 'cancelled') return;
        if ('chunk' in message) {
          port.postMessage('credit' satisfies ToSender);
          controller.enqueue(message.chunk);
          return;
        }
        end();
        if ('end' in message) controller.close();
        else controller.error(new TypeError(message.error));
      },
      cancel(reason) {
        port.postMessage({ cancel: messageOf(reason) } satisfies ToSender);
        end();
        push('cancelled');
      },
    },
    { highWaterMark: 0 },
  );
}
