/** The page's own nonce, without which the browser refuses style sheets that scripts make. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
}
