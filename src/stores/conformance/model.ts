import * as fc from "fast-check";
import type { HubTx } from "../../app/ports.ts";
import { device, module } from "./samples.ts";

/** One step of a work; small numbers stand for ids, so that steps meet. */
export type Step =
  | { readonly do: "put" | "delete"; readonly device: number; readonly module: number }
  | { readonly do: "putDocument" | "deleteDocument"; readonly id: number; readonly n: number }
  | { readonly do: "add"; readonly n: number }
  | { readonly do: "update" | "take"; readonly place: number; readonly n: number };

export interface Work {
  readonly steps: readonly Step[];
  readonly throws: boolean;
}

const small = fc.nat({ max: 2 });

export const workArbitrary: fc.Arbitrary<Work> = fc.record({
  steps: fc.array(
    fc.oneof(
      fc.record({ do: fc.constantFrom("put", "delete"), device: small, module: small }),
      fc.record({ do: fc.constantFrom("putDocument", "deleteDocument"), id: small, n: small }),
      fc.record({ do: fc.constant("add"), n: small }),
      fc.record({ do: fc.constantFrom("update", "take"), place: small, n: small }),
    ),
    { maxLength: 6 },
  ),
  throws: fc.boolean(),
});

interface State {
  readonly modules: ReadonlySet<string>;
  readonly documents: ReadonlyMap<string, number>;
  readonly queue: readonly { readonly place: number; readonly n: number }[];
  readonly added: number;
}

/** What a work sees at its end. */
interface View {
  readonly modules: readonly (readonly string[])[];
  readonly documents: readonly (readonly [string, number])[];
  readonly queue: readonly number[];
  readonly firstTwo: number;
  readonly length: number;
}

/** The same works over plain values, one after the other. `prefix` keeps runs apart in one store. */
export class Model {
  readonly #prefix: string;
  #state: State = { modules: new Set(), documents: new Map(), queue: [], added: 0 };

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  run(work: Work): View | "threw" {
    const after = work.steps.reduce(step, this.#state);
    if (work.throws) return "threw";
    this.#state = after;
    return {
      modules: [0, 1, 2].map((n) =>
        [0, 1, 2].filter((m) => after.modules.has(`${n}/${m}`)).map((m) => `m${m}`),
      ),
      documents: [...after.documents].sort(([a], [b]) => (a < b ? -1 : 1)),
      queue: after.queue.map((item) => item.n),
      firstTwo: Math.min(2, after.queue.length),
      length: after.queue.length,
    };
  }

  /** The work in a transaction of the store under test. */
  apply(tx: HubTx, work: Work): View {
    for (const each of work.steps) this.#apply(tx, each);
    if (work.throws) throw new Error("asked for");
    const queue = tx.queue(this.#prefix, 1_000);
    for (const item of queue) if (item.body[0] !== 7) throw new Error("a body is lost");
    return {
      modules: [0, 1, 2].map((n) => tx.modulesOf(this.#deviceId(n)).map((found) => found.moduleId)),
      documents: tx
        .documents(this.#prefix)
        .map(({ id, value }) => [id, Number(value["n"])] as const),
      queue: queue.map((item) => Number(item.value["n"])),
      firstTwo: tx.queue(this.#prefix, 2).length,
      length: tx.queueLength(this.#prefix),
    };
  }

  #apply(tx: HubTx, each: Step): void {
    switch (each.do) {
      case "put": {
        const deviceId = this.#deviceId(each.device);
        tx.putIdentity(device(deviceId));
        tx.putIdentity(module(deviceId, `m${each.module}`));
        return;
      }
      case "delete":
        tx.deleteIdentity({ deviceId: this.#deviceId(each.device), moduleId: `m${each.module}` });
        return;
      case "putDocument":
        tx.putDocument(this.#prefix, String(each.id), { n: each.n });
        return;
      case "deleteDocument":
        tx.deleteDocument(this.#prefix, String(each.id));
        return;
      case "add":
        tx.addToQueue(this.#prefix, { n: each.n }, new Uint8Array([7]));
        return;
      case "update":
      case "take": {
        const item = tx.queue(this.#prefix, 1_000)[each.place];
        if (item === undefined) return;
        if (each.do === "take") tx.deleteFromQueue(this.#prefix, item.sequence);
        else tx.updateQueueItem(this.#prefix, item.sequence, { n: each.n });
      }
    }
  }

  #deviceId(n: number): string {
    return `${this.#prefix}-d${n}`;
  }
}

function step(state: State, each: Step): State {
  switch (each.do) {
    case "put":
      return { ...state, modules: new Set([...state.modules, `${each.device}/${each.module}`]) };
    case "delete": {
      const gone = `${each.device}/${each.module}`;
      return { ...state, modules: new Set([...state.modules].filter((key) => key !== gone)) };
    }
    case "putDocument":
      return { ...state, documents: new Map([...state.documents, [String(each.id), each.n]]) };
    case "deleteDocument": {
      const id = String(each.id);
      return { ...state, documents: new Map([...state.documents].filter(([key]) => key !== id)) };
    }
    case "add": {
      const item = { place: state.added, n: each.n };
      return { ...state, added: state.added + 1, queue: [...state.queue, item] };
    }
    case "take":
      return { ...state, queue: state.queue.filter((_, place) => place !== each.place) };
    case "update": {
      const queue = state.queue.map((item, place) =>
        place === each.place ? { ...item, n: each.n } : item,
      );
      return { ...state, queue };
    }
  }
}
