/** What a client sends first: the upgrade request and, right behind it, its first frames. */
import { randomBytes } from 'node:crypto';

export function upgradeRequest(path, { protocol, headers = {} } = {}) {
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

/** One masked client frame. */
export function clientFrame(payload, binary) {
  const mask = Buffer.from([1, 2, 3, 4]);
  const opcode = 0x80 | (binary ? 2 : 1);
  let header;
  if (payload.length < 126) header = Buffer.from([opcode, 0x80 | payload.length]);
  else {
    header = Buffer.alloc(4);
    header[0] = opcode;
    header[1] = 0x80 | 126;
    header.writeUInt16BE(payload.length, 2);
  }
  const masked = Buffer.from(payload);
  for (let i = 0; i < masked.length; i++) masked[i] ^= mask[i & 3];
  return Buffer.concat([header, mask, masked]);
}

/** {op: "subscribe", channels, hz?} in msgpack. */
export function msgpackSubscribe(channels, hz) {
  const text = (value) => Buffer.concat([Buffer.from([0xa0 | value.length]), Buffer.from(value)]);
  const count = Buffer.from([0xdc, channels.length >> 8, channels.length & 0xff]);
  const rate = hz === undefined ? [] : [text('hz'), Buffer.from([hz])];
  const head = [Buffer.from([0x82 + rate.length / 2]), text('op'), text('subscribe'), ...rate];
  return Buffer.concat([...head, text('channels'), count, ...channels.map(text)]);
}
