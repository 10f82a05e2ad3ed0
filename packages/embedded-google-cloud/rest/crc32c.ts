/** The Castagnoli polynomial, reflected (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/**
 * The CRC32C checksum of Google Cloud's payloads, an unsigned 32-bit number.
 * @param before The checksum of the bytes before these; none by default.
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const step = (value: number, byte: number) => (TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return (bytes.reduce(step, before ^ 0xffffffff) ^ 0xffffffff) >>> 0;
}
