/** twinhub as a library: start a hub in this process and stop it again. */
export type { HubConfig } from "./config/schema.ts";
export { type RunningHub, type ServerOptions, startServer } from "./server.ts";
