import type { Command } from "commander";
import { type Json, isObject } from "../../domain/json.ts";
import { hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import type { Column } from "../output.ts";

const route = "/$hub/throttling";

const columns: readonly Column[] = [
  ["THROTTLE", "name"],
  ["PER SECOND", "perSecond"],
  ["PEAK", "peakPerSecond"],
  ["ADMITTED", "admitted"],
  ["DELAYED", "delayed"],
  ["REFUSED", "refused"],
  ["WAITING", "waiting"],
];

/** `throttling list | show`: the limits that the hub was given, and what came up against them. */
export function addThrottling(program: Command, io: Io): void {
  const group = program
    .command("throttling")
    .description("limits of the hub's tier, and what was put off or refused since its start");
  hubCommand(group.command("list").description("a line for each throttle"), io, async ({ hub }) => {
    const { throttles = [] } = await hub.object("GET", route);
    return { value: throttles, columns };
  });
  hubCommand(
    group.command("show").description("mode, throttles and the quota of the day"),
    io,
    async ({ hub }) => ({ value: withoutLists(await hub.object("GET", route)) }),
  );
}

/** Each throttle by its name, which a table shows line by line. */
function withoutLists(view: { readonly [key: string]: Json }): Json {
  const { throttles } = view;
  if (!Array.isArray(throttles)) return view;
  const named = (throttles as readonly Json[]).flatMap((each) => {
    if (!isObject(each)) return [];
    const { name, ...rest } = each;
    return typeof name === "string" ? [[name, rest] as const] : [];
  });
  return { ...view, throttles: Object.fromEntries(named) };
}
