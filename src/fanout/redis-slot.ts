/** Which of a cluster's 16,384 slots a key or channel is in: CRC16 (XMODEM) of its hash tag, or of all of it. */

export const SLOTS = 16_384;

const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

export function slotOf(name: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashed(name))) crc = ((crc << 8) & 0xffff) ^ CRC16[(crc >> 8) ^ byte]!;
  return crc % SLOTS;
}

/** What stands between the first `{` and the next `}`, if there is something. */
function hashed(name: string): string {
  const open = name.indexOf('{');
  const close = name.indexOf('}', open + 1);
  return open === -1 || close <= open + 1 ? name : name.slice(open + 1, close);
}
