import type { ReactNode } from "react";
import { Spinner } from "@fluentui/react-components";

/** The title of a page, what it is about, and what can be done there. */
export function PageHead(props: {
  readonly title: ReactNode;
  readonly sub?: ReactNode;
  readonly crumbs?: ReactNode;
  readonly children?: ReactNode;
}) {
  return (
    <header className="page-head">
      <div>
        {props.crumbs !== undefined && (
          <nav aria-label="Breadcrumb" className="crumbs">
            {props.crumbs}
          </nav>
        )}
        <h1 tabIndex={-1}>{props.title}</h1>
        {props.sub !== undefined && <div className="sub">{props.sub}</div>}
      </div>
      {props.children !== undefined && <div className="actions">{props.children}</div>}
    </header>
  );
}

export function Card(props: {
  readonly title?: ReactNode;
  readonly note?: ReactNode;
  readonly actions?: ReactNode;
  readonly className?: string;
  readonly children: ReactNode;
}) {
  return (
    <section className={`card ${props.className ?? ""}`}>
      {props.title !== undefined && (
        <div className="card-head">
          <h2>{props.title}</h2>
          {props.note !== undefined && <span className="note">{props.note}</span>}
          {props.actions !== undefined && <div className="actions">{props.actions}</div>}
        </div>
      )}
      {props.children}
    </section>
  );
}

export function Empty(props: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="empty">
      <strong>{props.title}</strong>
      {props.children}
    </div>
  );
}

export function Loading({ label = "Loading" }: { readonly label?: string }) {
  return (
    <div className="center">
      <Spinner label={label} />
    </div>
  );
}

export function Facts(props: { readonly items: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {props.items.map(([name, value]) => (
        <div key={name} style={{ display: "contents" }}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function ConnectionDot({ state }: { readonly state: string | undefined }) {
  const connected = state === "Connected";
  return (
    <span className={`dot ${connected ? "good" : ""}`}>
      {connected ? "Connected" : "Disconnected"}
    </span>
  );
}

export function StatusDot({ status }: { readonly status: string | undefined }) {
  if (status === undefined) return <span>–</span>;
  return <span className={`dot ${status === "enabled" ? "good" : "bad"}`}>{status}</span>;
}
