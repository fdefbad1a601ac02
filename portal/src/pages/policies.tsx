import {
  Badge,
  Button,
  Checkbox,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  Input,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
} from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { MoreHorizontalRegular } from "@fluentui/react-icons/svg/more-horizontal";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  type Policy,
  deletePolicy,
  policiesKey,
  policyConnectionString,
  putPolicy,
  renewPolicyKey,
  usePolicies,
} from "../api/hub.ts";
import { type Right, isOwner } from "../api/session.ts";
import { Confirm } from "../components/confirm.tsx";
import { Card, Empty, Loading, PageHead } from "../components/parts.tsx";
import { Problem } from "../components/problem.tsx";
import { Secret } from "../components/secret.tsx";
import { useNotify } from "../components/toasts.tsx";
import { useSession } from "../shell/session-context.ts";

const rights: readonly { readonly right: Right; readonly text: string }[] = [
  { right: "RegistryRead", text: "read identities" },
  { right: "RegistryWrite", text: "create, change and delete identities" },
  { right: "ServiceConnect", text: "twins, methods, messages, telemetry, queries" },
  { right: "DeviceConnect", text: "connect as any device or module" },
];

type Dialogue =
  | { readonly kind: "none" }
  | { readonly kind: "edit"; readonly policy: Policy | undefined }
  | { readonly kind: "renew"; readonly policy: Policy; readonly key: "primaryKey" | "secondaryKey" }
  | { readonly kind: "delete"; readonly policy: Policy };

/** Shared access policies: who may do what, with which keys. */
export function PoliciesPage() {
  const session = useSession();
  const owner = isOwner(session);
  const policies = usePolicies(owner);
  const [dialogue, setDialogue] = useState<Dialogue>({ kind: "none" });
  const close = (): void => setDialogue({ kind: "none" });

  return (
    <>
      <PageHead title="Access policies" sub="Rights and keys of services and tools">
        {owner && (
          <Button
            appearance="primary"
            icon={<AddRegular />}
            onClick={() => setDialogue({ kind: "edit", policy: undefined })}
          >
            Add a policy
          </Button>
        )}
      </PageHead>
      {!owner && (
        <Empty title="Only owners see the policies">
          You are signed in as <code>{session.policy}</code>: sign in with a policy that has all
          four rights.
        </Empty>
      )}
      <Problem error={policies.error} />
      {owner && policies.isPending && <Loading />}
      <div className="grid">
        {policies.data?.map((policy) => (
          <PolicyCard key={policy.name} policy={policy} onDialogue={setDialogue} />
        ))}
      </div>
      <Dialogues dialogue={dialogue} close={close} />
    </>
  );
}

function PolicyCard(props: {
  readonly policy: Policy;
  readonly onDialogue: (dialogue: Dialogue) => void;
}) {
  const { policy, onDialogue } = props;
  const { hostName } = useSession();
  return (
    <Card
      className="span-6"
      title={policy.name}
      actions={
        <Menu>
          <MenuTrigger disableButtonEnhancement>
            <Button
              appearance="subtle"
              icon={<MoreHorizontalRegular />}
              aria-label={`Change the policy ${policy.name}`}
            />
          </MenuTrigger>
          <MenuPopover>
            <MenuList>
              <MenuItem onClick={() => onDialogue({ kind: "edit", policy })}>
                Change rights
              </MenuItem>
              <MenuItem onClick={() => onDialogue({ kind: "renew", policy, key: "primaryKey" })}>
                Regenerate the primary key
              </MenuItem>
              <MenuItem onClick={() => onDialogue({ kind: "renew", policy, key: "secondaryKey" })}>
                Regenerate the secondary key
              </MenuItem>
              <MenuItem onClick={() => onDialogue({ kind: "delete", policy })}>Delete</MenuItem>
            </MenuList>
          </MenuPopover>
        </Menu>
      }
    >
      <div className="stack">
        <div className="row">
          {policy.rights.map((right) => (
            <Badge key={right} appearance="tint" color="brand">
              {right}
            </Badge>
          ))}
        </div>
        <Secret
          label="Primary connection string"
          value={policyConnectionString(hostName, policy)}
          hint={policyConnectionString(hostName, { ...policy, primaryKey: "•".repeat(12) })}
        />
        <Secret label="Primary key" value={policy.primaryKey} />
        <Secret label="Secondary key" value={policy.secondaryKey} />
      </div>
    </Card>
  );
}

function Dialogues({
  dialogue,
  close,
}: {
  readonly dialogue: Dialogue;
  readonly close: () => void;
}) {
  const queries = useQueryClient();
  const notify = useNotify();
  const session = useSession();
  const reload = () => queries.invalidateQueries({ queryKey: policiesKey });
  switch (dialogue.kind) {
    case "none":
      return null;
    case "edit":
      return <EditPolicy policy={dialogue.policy} onClose={close} />;
    case "renew": {
      const { policy, key } = dialogue;
      const which = key === "primaryKey" ? "primary" : "secondary";
      return (
        <Confirm
          title={`Regenerate the ${which} key of ${policy.name}?`}
          action="Regenerate"
          onConfirm={async () => {
            await renewPolicyKey(policy.name, key);
            notify(`${policy.name} has a new ${which} key`);
            await reload();
          }}
          onClose={close}
        >
          Whoever uses the old key is refused at once.
          {session.policy === policy.name &&
            " You are signed in with this policy: with this key, you have to sign in again."}
        </Confirm>
      );
    }
    case "delete": {
      const { policy } = dialogue;
      return (
        <Confirm
          title={`Delete the policy ${policy.name}?`}
          action="Delete"
          type={policy.name}
          onConfirm={async () => {
            await deletePolicy(policy.name);
            notify(`Deleted the policy ${policy.name}`);
            await reload();
          }}
          onClose={close}
        >
          Services and tools that use it are refused at once.
        </Confirm>
      );
    }
  }
}

function EditPolicy(props: { readonly policy: Policy | undefined; readonly onClose: () => void }) {
  const { policy, onClose } = props;
  const queries = useQueryClient();
  const notify = useNotify();
  const [name, setName] = useState(policy?.name ?? "");
  const [chosen, setChosen] = useState<readonly Right[]>(policy?.rights ?? []);
  const [error, setError] = useState<unknown>();
  const save = async (): Promise<void> => {
    try {
      await putPolicy(name, chosen);
      await queries.invalidateQueries({ queryKey: policiesKey });
      notify(`Saved the policy ${name}`);
      onClose();
    } catch (thrown) {
      setError(thrown);
    }
  };
  const toggle = (right: Right, on: boolean): void =>
    setChosen(on ? [...chosen, right] : chosen.filter((other) => other !== right));
  return (
    <Dialog open onOpenChange={(_event, { open }) => open || onClose()}>
      <DialogSurface>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <DialogBody>
            <DialogTitle>{policy === undefined ? "Add a policy" : `Rights of ${name}`}</DialogTitle>
            <DialogContent className="stack">
              {policy === undefined && (
                <Field label="Name" required>
                  <Input value={name} autoFocus onChange={(_event, { value }) => setName(value)} />
                </Field>
              )}
              <fieldset style={{ border: "none", padding: 0, margin: 0 }}>
                <legend className="field-name">Rights</legend>
                {rights.map(({ right, text }) => (
                  <div key={right}>
                    <Checkbox
                      label={`${right}: ${text}`}
                      checked={chosen.includes(right)}
                      onChange={(_event, { checked }) => toggle(right, checked === true)}
                    />
                  </div>
                ))}
              </fieldset>
              <Problem error={error} />
            </DialogContent>
            <DialogActions>
              <Button onClick={onClose}>Cancel</Button>
              <Button
                type="submit"
                appearance="primary"
                disabled={name === "" || chosen.length === 0}
              >
                Save
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}
