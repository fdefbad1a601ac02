import { Button, Tooltip } from "@fluentui/react-components";
import { CheckmarkRegular } from "@fluentui/react-icons/svg/checkmark";
import { CopyRegular } from "@fluentui/react-icons/svg/copy";
import { EyeRegular } from "@fluentui/react-icons/svg/eye";
import { EyeOffRegular } from "@fluentui/react-icons/svg/eye-off";
import { useEffect, useState } from "react";

/** How long a copy button tells that it has copied, in milliseconds. */
const shownFor = 1_500;

export function CopyButton(props: { readonly text: string; readonly label: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = window.setTimeout(() => setCopied(false), shownFor);
    return () => window.clearTimeout(timer);
  }, [copied]);
  const label = copied ? "Copied" : `Copy ${props.label}`;
  return (
    <Tooltip content={label} relationship="label">
      <Button
        appearance="subtle"
        icon={copied ? <CheckmarkRegular /> : <CopyRegular />}
        onClick={() => void navigator.clipboard.writeText(props.text).then(() => setCopied(true))}
      />
    </Tooltip>
  );
}

const dots = "•".repeat(24);

/** A key or a connection string: hidden until asked for, copied without being shown. */
export function Secret(props: {
  readonly label: string;
  readonly value: string;
  /** What may be seen of it while it is hidden. */
  readonly hint?: string;
}) {
  const [shown, setShown] = useState(false);
  const label = `${shown ? "Hide" : "Show"} ${props.label}`;
  return (
    <div>
      <div className="field-name">{props.label}</div>
      <div className="secret">
        <code className="text" title={shown ? props.value : undefined}>
          {shown ? props.value : (props.hint ?? dots)}
        </code>
        <Tooltip content={label} relationship="label">
          <Button
            appearance="subtle"
            icon={shown ? <EyeOffRegular /> : <EyeRegular />}
            onClick={() => setShown(!shown)}
          />
        </Tooltip>
        <CopyButton text={props.value} label={props.label} />
      </div>
    </div>
  );
}

/** Lines to paste into a terminal or a program. */
export function Snippet(props: { readonly text: string; readonly label: string }) {
  return (
    <div className="snippet">
      <pre tabIndex={0} aria-label={props.label}>
        {props.text}
      </pre>
      <div className="copy">
        <CopyButton text={props.text} label={props.label} />
      </div>
    </div>
  );
}
