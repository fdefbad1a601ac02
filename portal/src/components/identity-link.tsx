import type { MouseEvent, ReactNode } from "react";
import type { IdentityKey } from "../api/identities.ts";
import { router } from "../router.tsx";

/** Where the page of a device or module is, below the hub's root. */
export function identityHref({ deviceId, moduleId }: IdentityKey): string {
  const device = `/portal/devices/${encodeURIComponent(deviceId)}`;
  return moduleId === undefined ? device : `${device}/modules/${encodeURIComponent(moduleId)}`;
}

/** In long lists: the router's own links cost a third of the work of a row that comes into view. */
export function IdentityLink({
  identity,
  children,
}: {
  readonly identity: IdentityKey;
  readonly children: ReactNode;
}) {
  const follow = (event: MouseEvent): void => {
    // Another tab or window is the browser's matter.
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    event.preventDefault();
    void open(identity);
  };
  return (
    <a href={identityHref(identity)} className="link" onClick={follow}>
      {children}
    </a>
  );
}

function open({ deviceId, moduleId }: IdentityKey): Promise<void> {
  const search = { tab: undefined };
  return moduleId === undefined
    ? router.navigate({ to: "/devices/$deviceId", params: { deviceId }, search })
    : router.navigate({
        to: "/devices/$deviceId/modules/$moduleId",
        params: { deviceId, moduleId },
        search,
      });
}
