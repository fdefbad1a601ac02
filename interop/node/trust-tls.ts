/**
 * Makes TLS connections of this process trust hubs whose certificates the Azure clients have no option for: those of
 * Event Hubs, and the service client over AMQP. Outside of a test one sets NODE_EXTRA_CA_CERTS, which Node reads only
 * when a process starts, before there is a hub.
 */
import tls from "node:tls";

const trusted = new Set<string>();

export function trustTls(hub: { readonly caPem: string }): void {
  trusted.add(hub.caPem);
}

const { connect } = tls;

function connectTrusting(...args: unknown[]): tls.TLSSocket {
  const ca = [...tls.rootCertificates, ...trusted];
  const changed = args.map((argument) =>
    typeof argument === "object" && argument !== null && !("ca" in argument && argument.ca)
      ? { ...argument, ca }
      : argument,
  );
  return Reflect.apply(connect, tls, changed) as tls.TLSSocket;
}

tls.connect = connectTrusting;
