import { BlockList, isIP } from 'node:net';
import { type Config, ConfigError } from '../config.js';

/** @throws ConfigError when an entry is neither an address nor a range */
export function trustedAddresses(config: Pick<Config, 'proxyFrom'>): BlockList {
  const list = new BlockList();
  for (const entry of config.proxyFrom) {
    const [address = '', bits] = entry.split('/');
    const version = isIP(address);
    const bitsMax = version === 4 ? 32 : 128;
    const length = bits === undefined ? bitsMax : Number(bits);
    if (version === 0 || length > bitsMax) {
      throw new ConfigError([
        `TICKCAST_PROXY_FROM has "${entry}"; allowed: addresses and ranges such as 10.0.0.0/8 or fd00::/8.`,
      ]);
    }
    list.addSubnet(address, length, version === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
