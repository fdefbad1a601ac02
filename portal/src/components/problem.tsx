import {
  Button,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  MessageBarTitle,
} from "@fluentui/react-components";
import { isApiError } from "../api/client.ts";

/** What to do about the errors that people meet, by IoT Hub's name. */
const advice: Readonly<Record<string, string>> = {
  IotHubUnauthorizedAccess: "Sign in with a policy that has the right.",
  PreconditionFailed: "Somebody else has changed it since you read it: load it again.",
  DeviceMaximumQueueDepthExceeded: "The device has not taken its messages: purge its queue.",
  DeviceNotOnline: "Direct methods reach connected clients only.",
  HubUnreachable: "The portal tries again by itself.",
  SessionEnded: "Sign in, then do it again.",
  DeviceNotFound: "Somebody has deleted it, or it was never there.",
  ModuleNotFound: "Somebody has deleted it, or it was never there.",
};

export function problemText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error with IoT Hub's own name, what to do, and where to find it in the hub's log. */
export function Problem(props: { readonly error: unknown; readonly retry?: () => void }) {
  const { error, retry } = props;
  if (error === null || error === undefined) return null;
  const hubError = isApiError(error) ? error : undefined;
  const title = hubError?.code ?? "This did not work";
  const help = advice[title];
  return (
    <MessageBar intent="error" layout="multiline" politeness="assertive">
      <MessageBarBody>
        <MessageBarTitle>{title}</MessageBarTitle>
        {problemText(error)}
        {help !== undefined && <> {help}</>}
        {hubError?.trackingId !== undefined && (
          <div className="note mono">tracking id {hubError.trackingId}</div>
        )}
      </MessageBarBody>
      {retry !== undefined && (
        <MessageBarActions>
          <Button onClick={retry}>Try again</Button>
        </MessageBarActions>
      )}
    </MessageBar>
  );
}
