import { Input, type InputProps } from "@fluentui/react-components";
import { useEffect, useRef, useState } from "react";

/** How long after the last key the text is taken, in milliseconds. */
const delay = 150;

/** A field whose text is asked for at the hub: taken when one has stopped writing for a moment. */
export function DelayedInput(
  props: Omit<InputProps, "value" | "onChange"> & {
    readonly value: string;
    readonly onText: (text: string) => void;
  },
) {
  const { value, onText, ...rest } = props;
  const [text, setText] = useState(value);
  const taken = useRef(value);
  const latest = useRef(onText);
  latest.current = onText;
  // What comes from elsewhere, for example from the address, replaces the text.
  useEffect(() => {
    if (value === taken.current) return;
    taken.current = value;
    setText(value);
  }, [value]);
  useEffect(() => {
    if (text === taken.current) return undefined;
    const timer = window.setTimeout(() => {
      taken.current = text;
      latest.current(text);
    }, delay);
    return () => window.clearTimeout(timer);
  }, [text]);
  return <Input {...rest} value={text} onChange={(_event, data) => setText(data.value)} />;
}
