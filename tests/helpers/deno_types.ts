// SPDX-License-Identifier: MIT
// deno_types - the public types of Deno's network, written down anew: ours are to fit them

/** The public types of Deno, as far as a program of its network sees them. */
export declare namespace DenoNet {
  interface NetAddr {
    transport: 'tcp' | 'udp';
    hostname: string;
    port: number;
  }
  interface Conn extends Disposable {
    read(p: Uint8Array): Promise<number | null>;
    write(p: Uint8Array): Promise<number>;
    close(): void;
    readonly localAddr: NetAddr;
    readonly remoteAddr: NetAddr;
    closeWrite(): Promise<void>;
    ref(): void;
    unref(): void;
    readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
    readonly writable: WritableStream<Uint8Array<ArrayBufferLike>>;
  }
  interface TcpConn extends Conn {
    setNoDelay(noDelay?: boolean): void;
    setKeepAlive(keepAlive?: boolean): void;
  }
  interface TlsConn extends Conn {
    handshake(): Promise<{ alpnProtocol: string | null }>;
  }
  interface Listener<T extends Conn> extends AsyncIterable<T>, Disposable {
    accept(): Promise<T>;
    close(): void;
    readonly addr: NetAddr;
    [Symbol.asyncIterator](): AsyncIterableIterator<T>;
    ref(): void;
    unref(): void;
  }
  type Datagram = [Uint8Array<ArrayBuffer>, NetAddr];
  interface DatagramConn extends AsyncIterable<Datagram> {
    joinMulticastV4(
      address: string,
      networkInterface: string,
    ): Promise<{
      leave: () => Promise<void>;
      setLoopback: (loopback: boolean) => Promise<void>;
      setTTL: (ttl: number) => Promise<void>;
    }>;
    joinMulticastV6(
      address: string,
      networkInterface: number,
    ): Promise<{ leave: () => Promise<void>; setLoopback: (loopback: boolean) => Promise<void> }>;
    receive(p?: Uint8Array): Promise<Datagram>;
    send(p: Uint8Array, addr: NetAddr): Promise<number>;
    close(): void;
    readonly addr: NetAddr;
    [Symbol.asyncIterator](): AsyncIterableIterator<Datagram>;
  }
  interface HttpServer extends AsyncDisposable {
    finished: Promise<void>;
    addr: NetAddr;
    ref(): void;
    unref(): void;
    shutdown(): Promise<void>;
  }
  type Handler = (
    request: Request,
    info: { remoteAddr: NetAddr; completed: Promise<void> },
  ) => Response | Promise<Response>;
  interface Net {
    connect(options: {
      port: number;
      hostname?: string;
      transport?: 'tcp';
      signal?: AbortSignal;
    }): Promise<TcpConn>;
    listen(options: {
      port?: number;
      hostname?: string;
      tcpBacklog?: number;
      transport?: 'tcp';
      reusePort?: boolean;
    }): Listener<TcpConn>;
    listenDatagram(options: {
      port?: number;
      hostname?: string;
      reuseAddress?: boolean;
      loopback?: boolean;
      transport: 'udp';
    }): DatagramConn;
    connectTls(options: {
      port: number;
      hostname?: string;
      caCerts?: string[];
      alpnProtocols?: string[];
    }): Promise<TlsConn>;
    serve(handler: Handler): HttpServer;
    serve(
      options: { port?: number; onListen?: (addr: NetAddr) => void },
      handler: Handler,
    ): HttpServer;
    upgradeWebSocket(
      request: Request,
      options?: { protocol?: string; idleTimeout?: number },
    ): { socket: WebSocket; response: Response };
    resolveDns(query: string, type: 'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR'): Promise<string[]>;
    resolveDns(query: string, type: 'TXT'): Promise<string[][]>;
  }
}
