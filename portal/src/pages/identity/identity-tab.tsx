import { Button, Switch } from "@fluentui/react-components";
import { ArrowSyncRegular } from "@fluentui/react-icons/svg/arrow-sync";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../../api/client.ts";
import {
  type Identity,
  connectionStringOf,
  identityKey,
  inputOf,
  keyName,
  putIdentity,
} from "../../api/identities.ts";
import { mayDo } from "../../api/session.ts";
import { Ago } from "../../components/ago.tsx";
import { Confirm } from "../../components/confirm.tsx";
import { Card, Facts } from "../../components/parts.tsx";
import { Problem } from "../../components/problem.tsx";
import { Secret } from "../../components/secret.tsx";
import { useNotify } from "../../components/toasts.tsx";
import { useSession } from "../../shell/session-context.ts";
import { authenticationNames } from "./words.ts";

/** Who it is, whether it may connect, and what it proves itself with. */
export function IdentityTab({ identity }: { readonly identity: Identity }) {
  return (
    <div className="grid">
      <Card title="Identity" className="span-6">
        <Facts
          items={[
            ["Device id", <code key="d">{identity.deviceId}</code>],
            ...(identity.moduleId === undefined
              ? []
              : ([
                  ["Module id", <code key="m">{identity.moduleId}</code>],
                  ["Managed by", identity.managedBy || "–"],
                ] as const)),
            ["Authentication", authenticationNames[identity.authentication.type]],
            ["Generation", <code key="g">{identity.generationId}</code>],
            ["ETag", <code key="e">{identity.etag}</code>],
            ["Connection changed", <Ago key="c" time={identity.connectionStateUpdatedTime} />],
            ["Last activity", <Ago key="a" time={identity.lastActivityTime} />],
            ["Waiting messages", String(identity.cloudToDeviceMessageCount)],
          ]}
        />
        {identity.status !== undefined && <StatusSwitch identity={identity} />}
      </Card>
      <Card title="Credentials" className="span-6">
        <Credentials identity={identity} />
      </Card>
    </div>
  );
}

function StatusSwitch({ identity }: { readonly identity: Identity }) {
  const session = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const [error, setError] = useState<unknown>();
  const set = async (enabled: boolean): Promise<void> => {
    const status = enabled ? "enabled" : "disabled";
    try {
      const written = await putIdentity(identity, { ...inputOf(identity), status }, identity.etag);
      queries.setQueryData(identityKey(identity), written);
      setError(undefined);
      notify(`${keyName(identity)} is ${status}`);
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <div className="stack" style={{ marginTop: 14 }}>
      <Switch
        label={identity.status === "enabled" ? "Enabled: may connect" : "Disabled: may not connect"}
        checked={identity.status === "enabled"}
        disabled={!mayDo(session, "RegistryWrite")}
        onChange={(_event, { checked }) => void set(checked)}
      />
      <Problem error={error} />
    </div>
  );
}

function Credentials({ identity }: { readonly identity: Identity }) {
  const { hostName } = useSession();
  const { type, symmetricKey, x509Thumbprint } = identity.authentication;
  switch (type) {
    case "sas": {
      const { primaryKey, secondaryKey } = symmetricKey;
      if (primaryKey === null || secondaryKey === null)
        return <p className="note">This policy may not see the keys.</p>;
      const text = (key: string): string => connectionStringOf(hostName, identity, key);
      return (
        <div className="stack">
          <Secret label="Primary key" value={primaryKey} />
          <Secret label="Secondary key" value={secondaryKey} />
          <Secret
            label="Primary connection string"
            value={text(primaryKey)}
            hint={text("•".repeat(12))}
          />
          <Secret
            label="Secondary connection string"
            value={text(secondaryKey)}
            hint={text("•".repeat(12))}
          />
          <RenewKeys identity={identity} />
        </div>
      );
    }
    case "selfSigned":
      return (
        <Facts
          items={[
            ["Primary thumbprint", <code key="p">{x509Thumbprint.primaryThumbprint ?? "–"}</code>],
            [
              "Secondary thumbprint",
              <code key="s">{x509Thumbprint.secondaryThumbprint ?? "–"}</code>,
            ],
          ]}
        />
      );
    case "certificateAuthority":
      return (
        <p>
          A certificate with the common name <code>{keyName(identity)}</code>, signed by a verified
          CA.
        </p>
      );
    case "none":
      return <p>It has no credential and can&apos;t connect.</p>;
  }
}

function RenewKeys({ identity }: { readonly identity: Identity }) {
  const session = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const [asking, setAsking] = useState<"primaryKey" | "secondaryKey" | undefined>();
  if (!mayDo(session, "RegistryWrite")) return null;
  const renew = async (): Promise<void> => {
    const { deviceId, moduleId } = identity;
    await call("POST", "/devices/keys/regenerate", {
      body: {
        policyKey: asking,
        devices: [moduleId === undefined ? { id: deviceId } : { id: deviceId, moduleId }],
      },
    });
    await queries.invalidateQueries({ queryKey: identityKey(identity) });
    notify("The key has been replaced");
  };
  return (
    <div className="row">
      <Button icon={<ArrowSyncRegular />} onClick={() => setAsking("primaryKey")}>
        Replace the primary key
      </Button>
      <Button icon={<ArrowSyncRegular />} onClick={() => setAsking("secondaryKey")}>
        Replace the secondary key
      </Button>
      {asking !== undefined && (
        <Confirm
          title={`Replace the ${asking === "primaryKey" ? "primary" : "secondary"} key?`}
          action="Replace"
          onConfirm={renew}
          onClose={() => setAsking(undefined)}
        >
          A client that signs with the old key is disconnected at once and can&apos;t come back with
          it.
        </Confirm>
      )}
    </div>
  );
}
