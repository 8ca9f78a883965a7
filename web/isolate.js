// SPDX-License-Identifier: MIT
// isolate - a service worker that isolates the page on a host that sends no headers of ours
//
// One file for both sides. In the page it installs itself and reloads once it is ready; as the service
// worker it adds the two headers to what the host answers. `make web-build SERVICE_WORKER=1` puts it in.

function isolated(response) {
  // What it may not look into, such as a redirect that the page is to follow itself, stays as it is.
  if (response.type === 'opaque' || response.type === 'opaqueredirect') return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

if (typeof document === 'undefined') {
  addEventListener('fetch', (event) => {
    if (new URL(event.request.url).origin !== location.origin) return;
    event.respondWith(fetch(event.request).then(isolated));
  });
} else if (!crossOriginIsolated && navigator.serviceWorker && !navigator.serviceWorker.controller) {
  navigator.serviceWorker.register(document.currentScript.src);
  navigator.serviceWorker.ready.then(() => location.reload());
}
