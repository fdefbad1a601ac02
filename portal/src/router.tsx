import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { queries } from "./api/queries.ts";
import { Loading } from "./components/parts.tsx";
import { Problem } from "./components/problem.tsx";
import { prefetchDevices } from "./pages/devices/device-rows.ts";
import { NotFound } from "./pages/not-found.tsx";
import { Shell } from "./shell/shell.tsx";

/** Text that stands in the address, `undefined` if it is empty. */
function text(search: Record<string, unknown>, name: string): string | undefined {
  const value = search[name];
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const overview = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/overview.tsx"), "OverviewPage"),
});

/** Where one-time links lead; whoever sees the router has signed in. */
const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  beforeLoad: () => {
    throw redirect({ to: "/", replace: true });
  },
});

interface DevicesSearch {
  readonly q: string | undefined;
  readonly where: string | undefined;
  /** `modules` for all modules of all devices. */
  readonly kind?: string | undefined;
}

export const devicesRoute = createRoute({
  getParentRoute: () => root,
  path: "/devices",
  validateSearch: (search: Record<string, unknown>): DevicesSearch => ({
    q: text(search, "q"),
    where: text(search, "where"),
    kind: text(search, "kind"),
  }),
  loaderDeps: ({ search }) => search,
  // Not awaited: the page tells that it waits, and what came of it.
  loader: ({ deps: { q, where, kind } }) =>
    void prefetchDevices(queries, kind === "modules" ? kind : "devices", q, where),
  component: lazyRouteComponent(() => import("./pages/devices/devices.tsx"), "DevicesPage"),
});

const identitySearch = (search: Record<string, unknown>) => ({ tab: text(search, "tab") });

export const deviceRoute = createRoute({
  getParentRoute: () => root,
  path: "/devices/$deviceId",
  validateSearch: identitySearch,
  component: lazyRouteComponent(() => import("./pages/identity/identity.tsx"), "DevicePage"),
});

export const moduleRoute = createRoute({
  getParentRoute: () => root,
  path: "/devices/$deviceId/modules/$moduleId",
  validateSearch: identitySearch,
  component: lazyRouteComponent(() => import("./pages/identity/identity.tsx"), "ModulePage"),
});

export const queryRoute = createRoute({
  getParentRoute: () => root,
  path: "/query",
  validateSearch: (
    search: Record<string, unknown>,
  ): { readonly q: string | undefined; readonly view?: string | undefined } => ({
    q: text(search, "q"),
    view: text(search, "view"),
  }),
  component: lazyRouteComponent(() => import("./pages/query.tsx"), "QueryPage"),
});

export const telemetryRoute = createRoute({
  getParentRoute: () => root,
  path: "/telemetry",
  validateSearch: (search: Record<string, unknown>) => ({
    deviceId: text(search, "deviceId"),
    moduleId: text(search, "moduleId"),
    source: text(search, "source"),
    from: text(search, "from"),
  }),
  component: lazyRouteComponent(() => import("./pages/telemetry.tsx"), "TelemetryPage"),
});

const connections = createRoute({
  getParentRoute: () => root,
  path: "/connections",
  component: lazyRouteComponent(() => import("./pages/connections.tsx"), "ConnectionsPage"),
});

export const changesRoute = createRoute({
  getParentRoute: () => root,
  path: "/changes",
  validateSearch: (search: Record<string, unknown>) => ({ where: text(search, "where") }),
  component: lazyRouteComponent(() => import("./pages/changes.tsx"), "ChangesPage"),
});

export const jobsRoute = createRoute({
  getParentRoute: () => root,
  path: "/jobs",
  validateSearch: (search: Record<string, unknown>): { readonly job?: string | undefined } => ({
    job: text(search, "job"),
  }),
  component: lazyRouteComponent(() => import("./pages/jobs.tsx"), "JobsPage"),
});

const configurations = createRoute({
  getParentRoute: () => root,
  path: "/configurations",
  component: lazyRouteComponent(() => import("./pages/configurations.tsx"), "ConfigurationsPage"),
});

const routing = createRoute({
  getParentRoute: () => root,
  path: "/routes",
  component: lazyRouteComponent(() => import("./pages/routes.tsx"), "RoutesPage"),
});

export const deadLettersRoute = createRoute({
  getParentRoute: () => root,
  path: "/routes/$endpoint/dead-letters",
  component: lazyRouteComponent(
    () => import("./pages/routing/dead-letters.tsx"),
    "DeadLettersPage",
  ),
});

export const consumerGroupsRoute = createRoute({
  getParentRoute: () => root,
  path: "/consumer-groups",
  validateSearch: (search: Record<string, unknown>) => ({ endpoint: text(search, "endpoint") }),
  component: lazyRouteComponent(() => import("./pages/consumer-groups.tsx"), "ConsumerGroupsPage"),
});

const transfers = createRoute({
  getParentRoute: () => root,
  path: "/transfers",
  component: lazyRouteComponent(() => import("./pages/transfers.tsx"), "TransfersPage"),
});

const policies = createRoute({
  getParentRoute: () => root,
  path: "/policies",
  component: lazyRouteComponent(() => import("./pages/policies.tsx"), "PoliciesPage"),
});

const certificates = createRoute({
  getParentRoute: () => root,
  path: "/certificates",
  component: lazyRouteComponent(() => import("./pages/certificates.tsx"), "CertificatesPage"),
});

/** The addresses of the pages; whatever a page shows stands in its address. */
export const router = createRouter({
  basepath: "/portal",
  routeTree: root.addChildren([
    overview,
    signIn,
    devicesRoute,
    deviceRoute,
    moduleRoute,
    queryRoute,
    telemetryRoute,
    connections,
    changesRoute,
    jobsRoute,
    configurations,
    routing,
    deadLettersRoute,
    consumerGroupsRoute,
    transfers,
    policies,
    certificates,
  ]),
  defaultPendingComponent: () => <Loading />,
  defaultErrorComponent: ({ error, reset }) => <Problem error={error} retry={reset} />,
  defaultPreload: "intent",
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
