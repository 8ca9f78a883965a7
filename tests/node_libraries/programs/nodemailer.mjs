// SPDX-License-Identifier: MIT
// nodemailer - a mail to smtp-server, with STARTTLS

import assert from 'node:assert/strict';
import nodemailer from 'nodemailer';
import { SMTPServer } from 'smtp-server';

let received = '';
const server = new SMTPServer({
  authOptional: true,
  onData(stream, _session, done) {
    stream.on('data', (data) => {
      received += data;
    });
    stream.on('end', done);
  },
});
server.on('error', () => {});
server.listen(2525);
const transport = nodemailer.createTransport({
  host: 'localhost',
  port: 2525,
  tls: { rejectUnauthorized: false },
});
const info = await transport.sendMail({
  from: 'a@example.org',
  to: 'b@example.org',
  subject: 'hello',
  text: 'over a stack',
});
assert.match(info.response, /^250/);
assert.match(received, /Subject: hello[\s\S]*over a stack/);
transport.close();
server.close();
