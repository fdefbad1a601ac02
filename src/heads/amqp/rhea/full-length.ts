import { Typed } from "../codec/values.ts";
import type { RheaError, RheaFrames, RheaTyped, RheaTypes } from "./types.ts";

/** Fields of each performative: some clients index them by position, so trailing nulls must stand (spec/amqp §2.2). */
const lengths = {
  open: 10,
  begin: 8,
  attach: 14,
  flow: 11,
  transfer: 11,
  disposition: 6,
  detach: 3,
  end: 1,
  close: 1,
} as const;

/** Highest handle that is announced (spec/amqp §2.1). */
const handleMax = 262_143;

export function writeFullLength(frames: RheaFrames, types: RheaTypes): void {
  for (const name of Object.keys(lengths) as (keyof typeof lengths)[]) {
    const make = frames[name];
    const length = lengths[name];
    frames[name] = (fields) => {
      const frame = make(name === "begin" ? { handle_max: handleMax, ...fields } : fields);
      if (frame.value.length < length) frame.value.length = length;
      return frame;
    };
  }
  types.wrap_error = (error) => writeError(types, error);
}

/** Condition, description and a map with symbols as keys, which is never left out (spec/amqp §2.2, §13.2). */
function writeError(types: RheaTypes, error: RheaError): RheaTyped {
  const info = [...(error.info ?? [])].flatMap(([key, value]) => [
    types.wrap_symbol(key),
    value instanceof Typed ? types.wrap_int(Number(value.value)) : types.wrap(value),
  ]);
  return types.described(
    types.wrap_ulong(0x1d),
    types.wrap_list([
      types.wrap_symbol(error.condition),
      types.wrap_string(error.description),
      types.Map32(info),
    ]),
  );
}
