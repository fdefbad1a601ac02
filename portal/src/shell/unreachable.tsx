import { MessageBar, MessageBarBody, MessageBarTitle } from "@fluentui/react-components";

export function Unreachable() {
  return (
    <MessageBar intent="warning" layout="multiline" politeness="assertive">
      <MessageBarBody>
        <MessageBarTitle>The hub does not answer</MessageBarTitle>
        What you see is as old as the last answer. The portal tries again every two seconds.
      </MessageBarBody>
    </MessageBar>
  );
}
