import { describe, expect, it } from "vitest";
import { readStorageAccount } from "./storage-account.ts";

const key = Buffer.from("not a secret").toString("base64");

describe("a connection string of a storage account", () => {
  it("names the account's endpoint in the cloud", () => {
    const text = `DefaultEndpointsProtocol=https;AccountName=a1;AccountKey=${key};EndpointSuffix=core.chinacloudapi.cn`;
    expect(readStorageAccount(text)).toEqual({
      accountName: "a1",
      accountKey: key,
      blobEndpoint: "https://a1.blob.core.chinacloudapi.cn",
    });
    expect(readStorageAccount(`accountname=a1;accountkey=${key};`)).toMatchObject({
      blobEndpoint: "https://a1.blob.core.windows.net",
    });
  });

  it("or an endpoint of its own, as Azurite's has", () => {
    const text = `AccountName=a1;AccountKey=${key};BlobEndpoint=https://azurite.test:10000/a1/`;
    expect(readStorageAccount(text)).toMatchObject({
      blobEndpoint: "https://azurite.test:10000/a1",
    });
    expect(readStorageAccount("UseDevelopmentStorage=true")).toMatchObject({
      accountName: "devstoreaccount1",
      blobEndpoint: "https://127.0.0.1:10000/devstoreaccount1",
    });
  });

  it.each([
    ["", /AccountName/],
    ["AccountName=a1", /AccountKey/],
    ["AccountName=a1;AccountKey=???", /Base64/],
    [`AccountName=a1;AccountKey=${key};BlobEndpoint=nowhere`, /no URL/],
    [`AccountName=a1;AccountKey=${key};BlobEndpoint=http://127.0.0.1:10000/a1`, /https/],
    [`AccountName=a1;AccountKey=${key};DefaultEndpointsProtocol=http`, /https/],
  ])("is refused in words without its values: %s", (text, words) => {
    const refusal = readStorageAccount(text);
    expect(refusal).toMatch(words);
    expect(refusal).not.toContain(key);
  });
});
