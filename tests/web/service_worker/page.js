// SPDX-License-Identifier: MIT
// page - a stack with a web server, bridged to /vm/, and what the tests do with it
import { createStack } from 'ringstack';
import { bridgeServiceWorker, createHttp, upgradeWebSocket } from 'ringstack/http';
import { handler } from '/guest.js';

const stack = await createStack({ engine: 'inline' });
const http = await createHttp(stack);
const guest = handler({ name: new URLSearchParams(location.search).get('name'), upgradeWebSocket });
await http.serve({ port: 8080, onError: (error) => ({ status: 500, body: String(error) }) }, guest);

/** The frame that was opened last. */
let frame;

globalThis.lab = {
  stack,
  http,
  /** The answer of bridgeServiceWorker() to options. */
  bridge: async (options) => {
    try {
      lab.open = await bridgeServiceWorker(http, {
        scope: '/vm/',
        target: 'http://127.0.0.1:8080',
        ...options,
      });
      return lab.open.url;
    } catch (error) {
      return `${error.code}: ${error.message}`;
    }
  },
  /** Opens a path in an iframe; gives its text. */
  async show(path) {
    frame?.remove();
    frame = document.body.appendChild(document.createElement('iframe'));
    frame.src = path;
    await new Promise((resolve) => frame.addEventListener('load', resolve, { once: true }));
    return frame.contentDocument.body?.innerText ?? '';
  },
  /** Runs something in the frame. */
  inside: (code) => frame.contentWindow.eval(`(async () => { ${code} })()`),
  /** Clicks something in the frame, and waits for what is loaded. */
  async click(selector) {
    const loaded = new Promise((resolve) =>
      frame.addEventListener('load', resolve, { once: true }),
    );
    frame.contentDocument.querySelector(selector).click();
    await loaded;
    return `${frame.contentWindow.location.pathname}: ${frame.contentDocument.body.innerText}`;
  },
  /** The window of the frame. */
  get inner() {
    return frame.contentWindow;
  },
  image: (path) =>
    new Promise((resolve) => {
      const image = new Image();
      image.onload = () => resolve(image.naturalWidth);
      image.onerror = () => resolve(-1);
      image.src = path;
    }),
};
globalThis.bridged = await lab.bridge();
