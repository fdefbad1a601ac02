import { HubError } from "../../domain/errors.ts";
import { kindOf } from "../../domain/identity/key.ts";
import { never } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import type { Connections, OpenConnection } from "../hub.ts";
import type { CloseReason, DeviceLink, HubTx, Session } from "../ports.ts";
import { type IdentityPrincipal, denied } from "../principal.ts";
import { holdsCredential } from "../auth/holds-credential.ts";
import { currentAuthorities } from "../certificates/certificates.ts";
import type { LiveConnection } from "./live-connections.ts";

const noSession: Session = { subscriptions: [] };

/**
 * Makes a link the identity's one live connection. What authentication saw is looked at again inside the
 * transaction, because the identity may have been disabled, changed or deleted since.
 */
export async function openConnection(
  context: HubContext,
  principal: IdentityPrincipal,
  link: DeviceLink,
  options: Parameters<Connections["open"]>[2],
): Promise<OpenConnection> {
  const { key } = principal;
  const { modelId } = options;
  const id = context.random.uuid();
  const begun = await context.store.transaction(key, (tx) => {
    recheck(context, tx, principal);
    const stored = options.session === "none" ? undefined : tx.session(key);
    // A connection of a protocol without sessions leaves the one of MQTT as it is.
    if (options.session !== "none") {
      if (!options.clean && stored === undefined) tx.putSession(key, noSession);
      else if (options.clean && stored !== undefined) tx.deleteSession(key);
    }
    const twin = tx.twin(key);
    if (twin !== undefined && modelId !== undefined && modelId !== twin.modelId)
      tx.putTwin(key, { ...twin, modelId });
    const before = tx.presence(key);
    const lastActivityTime = before?.lastActivityTime ?? never;
    tx.putPresence(key, {
      connected: true,
      stateUpdatedTime: tx.now,
      lastActivityTime,
      connection: id,
      protocol: link.protocol,
    });
    if (before?.connected === true)
      tx.emit(disconnected(principal, tx.now, link.protocol, "newerConnection"));
    tx.emit({
      type: "connectionChanged",
      key,
      at: tx.now,
      connected: true,
      protocol: link.protocol,
    });
    const session = options.clean ? undefined : stored;
    return { at: tx.now, session, lastActivityTime, modelId: modelId ?? twin?.modelId ?? "" };
  });
  const connection: LiveConnection = {
    id,
    principal,
    link,
    since: begun.at,
    modelId: begun.modelId,
    lastActivityTime: begun.lastActivityTime,
    current: false,
    methodsReady: false,
    methods: new Set(),
  };
  const older = context.live.put(connection);
  const { protocol } = link;
  context.meter.counter("twinhub_connects_total", { protocol, kind: kindOf(key) }).add(1);
  older?.link.close("newerConnection");
  return {
    id,
    principal,
    sessionPresent: begun.session !== undefined,
    session: begun.session ?? noSession,
    methodsReady: (ready) => context.live.setMethodsReady(connection, ready),
    renewed: (proven) => void (connection.principal = proven),
    ended: (reason) => endConnection(context, connection, reason),
  };
}

/** Records the end of a connection, unless a newer one has taken its place. */
function endConnection(context: HubContext, connection: LiveConnection, reason: CloseReason): void {
  for (const lost of connection.methods) lost();
  countEnd(context, connection, reason);
  context.live.recordEnd({
    key: connection.principal.key,
    protocol: connection.link.protocol,
    since: connection.since,
    auth: connection.principal.auth,
    until: context.clock.now(),
    reason,
  });
  if (!context.live.remove(connection)) return;
  const { principal, link, lastActivityTime } = connection;
  context.store
    .transaction(principal.key, (tx) => {
      const before = tx.presence(principal.key);
      // A newer connection has said that it is there, or the identity is gone.
      if (before?.connection !== connection.id) return;
      tx.putPresence(principal.key, {
        connected: false,
        stateUpdatedTime: tx.now,
        lastActivityTime,
        protocol: link.protocol,
        reason,
      });
      tx.emit(disconnected(principal, tx.now, link.protocol, reason));
    })
    .catch((error: unknown) => {
      context.log.warn(
        { err: error, ...principal.key },
        "the end of a connection could not be recorded",
      );
    });
}

function countEnd(
  { meter }: HubContext,
  { principal, link }: LiveConnection,
  reason: string,
): void {
  const labels = { protocol: link.protocol, kind: kindOf(principal.key), reason };
  meter.counter("twinhub_disconnects_total", labels).add(1);
}

function disconnected(
  principal: IdentityPrincipal,
  at: number,
  protocol: string,
  reason: CloseReason,
) {
  return {
    type: "connectionChanged",
    key: principal.key,
    at,
    connected: false,
    protocol,
    reason,
  } as const;
}

function recheck(context: HubContext, tx: HubTx, principal: IdentityPrincipal): void {
  const { key } = principal;
  const identity = tx.identity(key);
  if (identity === undefined || identity.generationId !== principal.generationId) {
    throw denied("The device or module does not exist any more");
  }
  const policy = principal.policy === undefined ? undefined : tx.policy(principal.policy);
  const authorities = () => currentAuthorities(context, tx);
  if (!holdsCredential(principal, { identity, policy, authorities }))
    throw denied("The credential is not valid any more");
  const device = tx.identity({ deviceId: key.deviceId });
  if (device?.moduleId === undefined && device?.status === "disabled") {
    throw new HubError("DeviceDisabled", `Device '${key.deviceId}' is disabled`);
  }
}
