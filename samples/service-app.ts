/**
 * The back-end application of the module-twin story, in two phases:
 *
 *   node dist/service-app.js create   registers the device and the module, prints the module's connection string
 *   node dist/service-app.js patch    reads the module's twin, changes it, shows what the module has reported
 *
 * It uses the published `azure-iothub` package as it is. Node trusts the hub's certificate through NODE_EXTRA_CA_CERTS.
 */
import iothub from "azure-iothub";
import type { Registry, Twin } from "azure-iothub";
import { addressIn, connectionStringFrom, deviceId, moduleId, run, text } from "./shared.ts";

const phases: Record<string, () => Promise<void>> = { create, patch };

/** Phase "create" needs a policy that may write the registry. */
async function create(): Promise<void> {
  const connectionString = connectionStringFrom("IOTHUB_REGISTRY_CONNECTION_STRING");
  const registry = iothub.Registry.fromConnectionString(connectionString);

  const newDevice = await createdNow(registry.create({ deviceId }));
  console.log(newDevice ? `created device ${deviceId}` : `device ${deviceId} already exists`);
  const newModule = await createdNow(registry.addModule({ deviceId, moduleId }));
  console.log(newModule ? `created module ${moduleId}` : `module ${moduleId} already exists`);

  const { responseBody: module } = await registry.getModule(deviceId, moduleId);
  const key = module.authentication?.symmetricKey?.primaryKey;
  if (key === undefined) throw new Error(`module ${moduleId} has no symmetric key`);
  const { hostName } = addressIn(connectionString);
  console.log(
    `module connection string: HostName=${hostName};DeviceId=${deviceId};ModuleId=${moduleId};SharedAccessKey=${key}`,
  );
}

/** False if the identity was there before; any other failure is passed on. */
async function createdNow(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === "DeviceAlreadyExistsError") return false;
    throw error;
  }
}

/** Phase "patch" needs a policy with service connect. */
async function patch(): Promise<void> {
  const connectionString = connectionStringFrom("IOTHUB_SERVICE_CONNECTION_STRING");
  const registry = iothub.Registry.fromConnectionString(connectionString);

  const before = await read(registry);
  console.log(`twin etag ${before.etag}`);

  const after = await update(registry, before.etag, {
    tags: { location: "roof" },
    properties: { desired: { climate: { minTemperature: 69, maxTemperature: 77 } } },
  });
  console.log(
    `patched the climate and a tag with etag ${before.etag}, the etag is ${after.etag} now`,
  );
  console.log(`tags: ${text(after.tags)}`);
  console.log(`desired properties: ${text(after.properties.desired)}`);

  const refusal = await refused(update(registry, before.etag, climate({ maxTemperature: 99 })));
  console.log(`patched with the stale etag ${before.etag}: refused with ${refusal}`);

  const changed = await update(registry, after.etag, climate({ maxTemperature: 80 }));
  console.log(`changed climate.maxTemperature alone, the etag is ${changed.etag} now`);
  const removed = await update(registry, changed.etag, climate({ minTemperature: null }));
  console.log(`removed climate.minTemperature: ${text(removed.properties.desired)}`);

  const { reported } = (await read(registry)).properties;
  console.log(`reported by the module: ${text(reported)}`);
}

async function read(registry: Registry): Promise<Twin> {
  return (await registry.getModuleTwin(deviceId, moduleId)).responseBody;
}

async function update(registry: Registry, etag: string, change: object): Promise<Twin> {
  return (await registry.updateModuleTwin(deviceId, moduleId, change, etag)).responseBody;
}

function climate(change: Readonly<Record<string, number | null>>): object {
  return { properties: { desired: { climate: change } } };
}

/** The status with which the hub refused the call, and what the SDK made of it. */
async function refused(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { response } = error as { response?: { statusCode?: number } };
    if (response?.statusCode === undefined) throw error;
    return `${response.statusCode} ${error.name}`;
  }
  throw new Error("the hub accepted a stale etag");
}

const phase = phases[process.argv[2] ?? ""];
if (phase === undefined) {
  console.error("usage: node dist/service-app.js create|patch");
  process.exitCode = 2;
} else {
  await run(phase);
}
