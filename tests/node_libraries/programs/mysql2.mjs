// SPDX-License-Identifier: MIT
// mysql2 - its client and its server

import assert from 'node:assert/strict';
import mysql from 'mysql2';
import { createConnection } from 'mysql2/promise';

const server = mysql.createServer();
server.on('connection', (connection) => {
  connection.serverHandshake({
    protocolVersion: 10,
    serverVersion: 'test',
    connectionId: 1,
    statusFlags: 2,
    characterSet: 8,
    capabilityFlags: 0xffffff,
  });
  connection.on('query', () => {
    connection.writeTextResult(
      [{ sum: 5 }],
      [
        {
          catalog: 'def',
          schema: '',
          table: '',
          orgTable: '',
          name: 'sum',
          orgName: '',
          characterSet: 63,
          columnLength: 11,
          columnType: 3,
          flags: 129,
          decimals: 0,
        },
      ],
    );
  });
  connection.on('error', () => {});
});
server.listen(3306);
const client = await createConnection({ host: 'localhost', user: 'someone' });
const [rows] = await client.query('select 2 + 3 as sum');
assert.equal(rows[0].sum, 5);
await client.end();
server.close();
