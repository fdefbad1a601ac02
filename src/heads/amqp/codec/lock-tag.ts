/**
 * A lock token, a GUID as text, as the 16 bytes that .NET reads with `new Guid(tag)`: the first three groups are
 * little-endian (spec/amqp §11.2).
 */
export function lockTag(lockToken: string): Buffer {
  const tag = Buffer.from(lockToken.replaceAll("-", ""), "hex");
  tag.subarray(0, 4).reverse();
  tag.subarray(4, 6).reverse();
  tag.subarray(6, 8).reverse();
  return tag;
}
