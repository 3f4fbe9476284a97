/**
 * PROXY protocol version 2, the header with which a proxy says whose connection it forwards.
 * https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt, section 2.2
 */
import { type BlockList, isIP } from 'node:net';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const FIXED_BYTES = 16;
/** Addresses and TLVs; HAProxy's own are far below, also with a certificate's name. */
const REST_BYTES_MAX = 2_048;

export type ProxyHeader =
  /** More bytes are needed. */
  | { readonly outcome: 'incomplete' }
  /** Not a header, or one of a form that is not taken here. */
  | { readonly outcome: 'malformed'; readonly why: string }
  | {
      readonly outcome: 'complete';
      /** The client; null for a connection of the proxy's own (its health checks). */
      readonly source: { readonly address: string; readonly port: number } | null;
      /** Length of the header: what follows belongs to the connection. */
      readonly bytes: number;
    };

const malformed = (why: string): ProxyHeader => ({ outcome: 'malformed', why });

/** Reads the header at the beginning of a connection's bytes. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const known = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.compare(SIGNATURE, 0, known, 0, known) !== 0) return malformed('no signature');
  if (bytes.length < FIXED_BYTES) return { outcome: 'incomplete' };
  const version = (bytes[12] as number) >> 4;
  const command = (bytes[12] as number) & 0x0f;
  if (version !== 2) return malformed(`version ${version}`);
  const rest = bytes.readUInt16BE(14);
  if (rest > REST_BYTES_MAX) return malformed(`${rest} bytes of addresses`);
  const length = FIXED_BYTES + rest;
  if (bytes.length < length) return { outcome: 'incomplete' };
  if (command === 0) return { outcome: 'complete', source: null, bytes: length };
  if (command !== 1) return malformed(`command ${command}`);
  const body = bytes.subarray(FIXED_BYTES, length);
  const family = bytes[13];
  if (family === 0x11 && rest >= 12) {
    return {
      outcome: 'complete',
      bytes: length,
      source: { address: ipv4(body), port: body.readUInt16BE(8) },
    };
  }
  if (family === 0x21 && rest >= 36) {
    return {
      outcome: 'complete',
      bytes: length,
      source: { address: ipv6(body), port: body.readUInt16BE(32) },
    };
  }
  return malformed(`family ${family} with ${rest} bytes`);
}

function ipv4(body: Buffer): string {
  return [...body.subarray(0, 4)].join('.');
}

function ipv6(body: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, group) => body.readUInt16BE(group * 2).toString(16));
  // The URL parser writes the one canonical form (RFC 5952).
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** Whether an address, as a socket tells it, is in a list. */
export function isListed(list: BlockList, address: string | undefined): boolean {
  const version = isIP(address ?? '');
  return version !== 0 && list.check(address as string, version === 4 ? 'ipv4' : 'ipv6');
}
