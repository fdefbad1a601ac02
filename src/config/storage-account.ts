/** What a connection string of Azure Storage, or of Azurite, says of its blob service. */
export interface StorageAccountConfig {
  readonly accountName: string;
  /** Base64. */
  readonly accountKey: string;
  /** Without a slash at its end, for example `https://account.blob.core.windows.net`. */
  readonly blobEndpoint: string;
}

/** The public account of Azurite and of the emulators before it; its key is no secret. */
const developmentAccount =
  "DefaultEndpointsProtocol=https;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint=https://127.0.0.1:10000/devstoreaccount1";

const maxLength = 4096;

/**
 * Reads `AccountName`, `AccountKey` and either `BlobEndpoint` or `EndpointSuffix`; names in any case. Gives back a
 * text, without any value of the connection string, that says what is wrong.
 */
export function readStorageAccount(text: string): StorageAccountConfig | string {
  const parts = partsOf(text);
  if (parts.get("usedevelopmentstorage")?.toLowerCase() === "true")
    return readStorageAccount(developmentAccount);
  const accountName = parts.get("accountname");
  const accountKey = parts.get("accountkey");
  if (accountName === undefined || accountKey === undefined || text.length > maxLength)
    return "must be a connection string of a storage account, with AccountName and AccountKey";
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(accountKey)) return "has an AccountKey that is not Base64";
  const blobEndpoint = parts.get("blobendpoint") ?? endpointOf(accountName, parts);
  const url = URL.canParse(blobEndpoint) ? new URL(blobEndpoint) : undefined;
  if (url === undefined || url.search !== "" || url.username !== "")
    return "has a BlobEndpoint that is no URL";
  // Devices address the storage by https whatever its endpoint says.
  if (url.protocol !== "https:")
    return "must have an https endpoint, since devices use no other; Azurite has one with --cert and --key";
  return { accountName, accountKey, blobEndpoint: url.href.replace(/\/+$/, "") };
}

function endpointOf(accountName: string, parts: ReadonlyMap<string, string>): string {
  const protocol = parts.get("defaultendpointsprotocol") ?? "https";
  return `${protocol}://${accountName}.blob.${parts.get("endpointsuffix") ?? "core.windows.net"}`;
}

function partsOf(text: string): ReadonlyMap<string, string> {
  const parts = text
    .slice(0, maxLength)
    .split(";")
    .map((part): [string, string] => {
      const equals = part.indexOf("=");
      return [part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim()];
    });
  return new Map(parts);
}
