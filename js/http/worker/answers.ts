// SPDX-License-Identifier: MIT
// answers - responses that the worker makes itself: there is no page, or no server

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/**
 * Says why there is no response of the server: a page for a document, a line for everything else.
 *
 * @param status - 403, 502 or 503.
 * @param title - In a few words.
 * @param text - In a sentence.
 * @param isDocument - Whether a person reads it.
 * @returns The response.
 * @throws Never.
 */
export function refusal(
  status: number,
  title: string,
  text: string,
  isDocument: boolean,
): Response {
  const html = `<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${status} ${escaped(title)}</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; margin: 3em auto; max-width: 40em; padding: 0 1em }</style>
<h1>${escaped(title)}</h1>
<p>${escaped(text)}</p>
<p><a href="">Try again</a></p>
`;
  return new Response(isDocument ? html : `${title}: ${text}\n`, {
    status,
    statusText: title,
    headers: {
      'content-type': `text/${isDocument ? 'html' : 'plain'}; charset=utf-8`,
      'cache-control': 'no-store',
      ...(status === 503 && { 'retry-after': '1' }),
    },
  });
}
