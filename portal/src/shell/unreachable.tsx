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

/** Instead of the portal, as long as a hub that was never reached does not answer. */
export function Opening() {
  return (
    <main className="sign-in">
      <div className="card">
        <h1>Opening the portal</h1>
        <MessageBar intent="warning" layout="multiline" politeness="assertive">
          <MessageBarBody>
            <MessageBarTitle>The hub does not answer</MessageBarTitle>
            The portal opens by itself as soon as it does; it tries every two seconds.
          </MessageBarBody>
        </MessageBar>
      </div>
    </main>
  );
}
