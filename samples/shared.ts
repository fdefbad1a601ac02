/** What the two applications share: names, settings and how values are printed. */

export const deviceId = "myFirstDevice";
export const moduleId = "myFirstModule";

/** The setting `name`, or for service policies IOTHUB_CONNECTION_STRING, whose policy must then hold the right. */
export function connectionStringFrom(name: string): string {
  const value =
    process.env[name] ??
    (name === "IOTHUB_MODULE_CONNECTION_STRING"
      ? undefined
      : process.env["IOTHUB_CONNECTION_STRING"]);
  if (value !== undefined && value !== "") return value;
  throw new Error(`set ${name} to a connection string of the hub`);
}

/** The host name in a connection string, and in a module's the identity as `device/module`. */
export function addressIn(connectionString: string): { hostName: string; identity: string } {
  const parts = new Map(
    connectionString.split(";").map((part) => {
      const equals = part.indexOf("=");
      return [part.slice(0, equals), part.slice(equals + 1)];
    }),
  );
  return {
    hostName: parts.get("HostName") ?? "",
    identity: `${parts.get("DeviceId") ?? ""}/${parts.get("ModuleId") ?? ""}`,
  };
}

/** JSON in one line, without `$metadata`. */
export function text(value: unknown): string {
  return JSON.stringify(value, (key, member: unknown) =>
    key === "$metadata" ? undefined : member,
  );
}

/** A desired change without its `$version`: the delta alone. */
export function withoutVersion(change: unknown): unknown {
  if (typeof change !== "object" || change === null) return change;
  return Object.fromEntries(Object.entries(change).filter(([key]) => key !== "$version"));
}

/** Runs an application; what it fails with becomes one line and exit code 1. */
export async function run(application: () => Promise<void>): Promise<void> {
  try {
    await application();
  } catch (error) {
    console.error(reasonOf(error));
    // Sockets of the SDK may be open still.
    process.exit(1);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return code.includes("CERT") || code.includes("VERIFY")
    ? `${error.message}: set NODE_EXTRA_CA_CERTS to the CA file of the hub`
    : error.message;
}
