import type { RheaFrame, RheaLink, RheaSession } from "./types.ts";

interface SessionMethods {
  on_attach: (
    this: RheaSession,
    frame: RheaFrame<{ name: unknown; handle: number; role: boolean }>,
  ) => void;
  remove_link: (this: RheaSession, link: RheaLink) => void;
}

/**
 * Lets a client give a link that it sends on the name of one that it receives on, as Qpid Proton does: a name tells
 * apart the links of one direction [AMQP-2.6.1]. The library keeps one link for a name; here its own entry stands
 * there only while it reads the attach.
 */
export function nameLinksByRole(session: { readonly prototype: SessionMethods }): void {
  const { on_attach, remove_link } = session.prototype;
  session.prototype.on_attach = function attachNamed(frame) {
    const { name, role } = frame.performative;
    const { links } = this;
    // No name is one of a plain object's members.
    Object.setPrototypeOf(links, null);
    const key = keyOf(String(name), role);
    const other = links[String(name)];
    put(links, String(name), links[key]);
    on_attach.call(this, frame);
    const link = links[String(name)];
    put(links, String(name), other);
    put(links, key, link);
  };
  session.prototype.remove_link = function removeNamed(link) {
    remove_link.call(this, link);
    const key = keyOf(link.name, !link.is_receiver());
    if (this.links[key] === link) put(this.links, key, undefined);
  };
}

/** `receives`: the client does. */
function keyOf(name: string, receives: boolean): string {
  return `${receives ? "to" : "from"}:${name}`;
}

function put(links: Record<string, RheaLink>, key: string, link: RheaLink | undefined): void {
  if (link === undefined) delete links[key];
  else links[key] = link;
}
