import { BlockList } from 'node:net';
import fc from 'fast-check';
import { ConfigError } from '../config.js';
import { isListed, readProxyHeader } from './proxy-header.js';
import { trustedAddresses } from './proxy-trust.js';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const header = (hex: string) => Buffer.from(SIGNATURE + hex, 'hex');

describe('readProxyHeader', () => {
  it.each([
    ['IPv4', '2111000c' + 'c0000207' + '0a000001' + 'd431' + '1f90', { address: '192.0.2.7', port: 54321 }],
    [
      'IPv6, with a TLV behind the addresses',
      `21210028${'20010db8000000000000000000000001'}${'0'.repeat(31)}1d4311f9003000101`,
      { address: '2001:db8::1', port: 54321 },
    ],
    ['a connection of the proxy’s own', '20000000', null],
  ])('reads %s, and leaves what follows', (_what, hex, source) => {
    const bytes = header(hex);
    expect(readProxyHeader(Buffer.concat([bytes, Buffer.from('GET /')]))).toEqual({
      outcome: 'complete',
      source,
      bytes: bytes.length,
    });
  });

  it('asks for more until the header is whole', () => {
    const bytes = header('2111000cc00002070a000001d4311f90');
    for (let length = 0; length < bytes.length; length++) {
      expect(readProxyHeader(bytes.subarray(0, length))).toEqual({ outcome: 'incomplete' });
    }
  });

  it.each([
    ['an ordinary request', Buffer.from('GET / HTTP/1.1\r\n')],
    ['version 1', Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n')],
    ['another version', header('1111000c')],
    ['an unknown command', header('22110000')],
    ['too short addresses', header('21110004c0000207')],
    ['a Unix socket', header('21310000')],
    ['a huge length', header('2111ffff')],
  ])('refuses %s', (_what, bytes) => {
    expect(readProxyHeader(bytes).outcome).toBe('malformed');
  });

  it('never throws, whatever comes', () => {
    const tail = fc.uint8Array({ maxLength: 64 });
    fc.assert(
      fc.property(tail, fc.boolean(), (bytes, signed) => {
        readProxyHeader(Buffer.concat([signed ? header('') : Buffer.alloc(0), bytes]));
      }),
    );
  });
});

describe('trustedAddresses', () => {
  it('holds addresses and ranges of both families, mapped ones too', () => {
    const list = trustedAddresses({ proxyFrom: ['127.0.0.0/8', '::1', 'fd00::/8', '10.1.2.3'] });
    const listed = ['127.5.5.5', '::1', 'fd12::9', '10.1.2.3', '::ffff:127.0.0.1'];
    const others = ['128.0.0.1', '::2', '10.1.2.4', '::ffff:10.1.2.4', 'localhost', undefined];
    expect(listed.filter((address) => !isListed(list, address))).toEqual([]);
    expect(others.filter((address) => isListed(list, address))).toEqual([]);
    expect(isListed(new BlockList(), '127.0.0.1')).toBe(false);
  });

  it.each(['10.0.0.0/33', '10.0.0', 'fd00::/129'])('stops the start on %s', (entry) => {
    expect(() => trustedAddresses({ proxyFrom: [entry] })).toThrow(ConfigError);
  });
});
