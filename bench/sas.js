import { createHmac } from "node:crypto";

const LIFETIME_S = 24 * 3600;

/**
 * A shared access signature: HMAC-SHA256 over the encoded resource, a line feed and the expiry.
 *
 * @param {string} resource for example `hub/devices/d1/modules/m1`, not encoded
 * @param {string} key Base64
 * @param {string} [policy] a policy's name if `key` is a policy's key
 */
export function sasToken(resource, key, policy) {
  const sr = encodeURIComponent(resource);
  const se = Math.floor(Date.now() / 1000) + LIFETIME_S;
  const signature = createHmac("sha256", Buffer.from(key, "base64"))
    .update(`${sr}\n${se}`)
    .digest("base64");
  const token = `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(signature)}&se=${se}`;
  return policy === undefined ? token : `${token}&skn=${policy}`;
}
