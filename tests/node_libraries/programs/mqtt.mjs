// SPDX-License-Identifier: MIT
// mqtt - the broker aedes, and two clients of mqtt

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Aedes } from 'aedes';
import mqtt from 'mqtt';

const broker = await Aedes.createBroker();
const server = createServer(broker.handle).listen(1883);
const [publisher, subscriber] = await Promise.all(
  [1, 2].map(() => mqtt.connectAsync('mqtt://localhost:1883')),
);
await subscriber.subscribeAsync('room/+', { qos: 1 });
const message = once(subscriber, 'message');
await publisher.publishAsync('room/1', 'warm', { qos: 1 });
const [topic, payload] = await message;
assert.equal(topic, 'room/1');
assert.equal(String(payload), 'warm');
await Promise.all([publisher.endAsync(), subscriber.endAsync()]);
broker.close();
server.close();
