// SPDX-License-Identifier: MIT
// ssh2 - a server with a password, and a client that runs a command

import assert from 'node:assert/strict';
import { once } from 'node:events';
import ssh2 from 'ssh2';

const { private: key } = ssh2.utils.generateKeyPairSync('ed25519');
const server = new ssh2.Server({ hostKeys: [key] }, (client) => {
  client.on('authentication', (auth) =>
    auth.method === 'password' && auth.password === 'secret' ? auth.accept() : auth.reject(),
  );
  client.on('session', (accept) =>
    accept().on('exec', (open, _reject, { command }) => {
      const stream = open();
      stream.write(`ran ${command}`);
      stream.exit(3);
      stream.end();
    }),
  );
  client.on('error', () => {});
});
server.listen(22);
const client = new ssh2.Client();
client.connect({ host: 'localhost', username: 'someone', password: 'secret' });
await once(client, 'ready');
const { text, code } = await new Promise((resolve, reject) => {
  client.exec('uptime', (error, stream) => {
    if (error) reject(error);
    const result = { text: '', code: undefined };
    stream.on('data', (data) => {
      result.text += data;
    });
    stream.on('exit', (status) => {
      result.code = status;
    });
    stream.on('close', () => resolve(result));
  });
});
assert.equal(text, 'ran uptime');
assert.equal(code, 3);
client.end();
server.close();
