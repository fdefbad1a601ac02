import type { Principal } from "../../../app/principal.ts";
import { amqpError } from "../errors.ts";
import type { LinkContext } from "./link.ts";

/** Who uses a link of a service. */
export interface ServiceCaller {
  readonly principal: Principal;
  /** To be called when the link has ended. */
  leave(this: void): void;
}

/**
 * Admits a policy with ServiceConnect whose token covers `path`; refuses with IotHubUnauthorizedAccess. When the policy
 * is changed or deleted, the caller is proven again, and the link is detached if that fails.
 */
export async function admitService(context: LinkContext, path: string): Promise<ServiceCaller> {
  const { services, port } = context;
  const prove = (): Promise<Principal> => context.caller(path, "ServiceConnect");
  const principal = await prove();
  const leave = services.hub.policies.onChanged((name) => {
    if (principal.kind !== "policy" || principal.policy !== name) return;
    prove().catch((error: unknown) => port.detach(amqpError(services, error, { path, name })));
  });
  return { principal, leave };
}

/** Opens a link for a service; a caller that was admitted in vain leaves again. */
export async function withService<T>(
  context: LinkContext,
  path: string,
  open: (caller: ServiceCaller) => Promise<T>,
): Promise<T> {
  const caller = await admitService(context, path);
  try {
    return await open(caller);
  } catch (error) {
    caller.leave();
    throw error;
  }
}
