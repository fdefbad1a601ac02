import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  Input,
  Radio,
  RadioGroup,
  Switch,
} from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { type AuthenticationType, type IdentityInput, putIdentity } from "../../api/identities.ts";
import { Problem } from "../../components/problem.tsx";
import { useNotify } from "../../components/toasts.tsx";
import type { JsonObject } from "../../lib/json.ts";
import { authenticationNames } from "./words.ts";

interface Form {
  readonly id: string;
  readonly type: AuthenticationType;
  readonly ownKeys: boolean;
  readonly primary: string;
  readonly secondary: string;
  readonly enabled: boolean;
}

const kinds: readonly AuthenticationType[] = ["sas", "selfSigned", "certificateAuthority"];

/** Makes a device or, with `deviceId`, a module of that device. */
export function CreateIdentity(props: {
  readonly deviceId?: string;
  readonly onClose: () => void;
}) {
  const { deviceId, onClose } = props;
  const navigate = useNavigate();
  const queries = useQueryClient();
  const notify = useNotify();
  const [form, setForm] = useState<Form>({
    id: "",
    type: "sas",
    ownKeys: false,
    primary: "",
    secondary: "",
    enabled: true,
  });
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const change = (part: Partial<Form>): void => setForm({ ...form, ...part });
  const what = deviceId === undefined ? "device" : "module";

  const create = async (): Promise<void> => {
    setBusy(true);
    const key = deviceId === undefined ? { deviceId: form.id } : { deviceId, moduleId: form.id };
    try {
      await putIdentity(key, inputOf(form, deviceId === undefined));
      await queries.invalidateQueries();
      notify(`Created the ${what} ${form.id}`);
      onClose();
      if (deviceId === undefined) {
        await navigate({
          to: "/devices/$deviceId",
          params: { deviceId: form.id },
          search: { tab: undefined },
        });
      }
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  };

  return (
    <Dialog open onOpenChange={(_event, { open }) => open || onClose()}>
      <DialogSurface>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void create();
          }}
        >
          <DialogBody>
            <DialogTitle>{`Create a ${what}`}</DialogTitle>
            <DialogContent className="stack">
              <Field
                label={deviceId === undefined ? "Device id" : "Module id"}
                required
                hint="Up to 128 letters, digits and - . _ : and other signs; case counts"
              >
                <Input
                  value={form.id}
                  autoFocus
                  onChange={(_e, { value }) => change({ id: value })}
                />
              </Field>
              <Field label="Authentication">
                <RadioGroup
                  value={form.type}
                  onChange={(_e, { value }) =>
                    change({ type: value as AuthenticationType, primary: "", secondary: "" })
                  }
                >
                  {kinds.map((kind) => (
                    <Radio key={kind} value={kind} label={authenticationNames[kind]} />
                  ))}
                </RadioGroup>
              </Field>
              <Credentials form={form} change={change} />
              {deviceId === undefined && (
                <Switch
                  label="The device may connect"
                  checked={form.enabled}
                  onChange={(_e, { checked }) => change({ enabled: checked })}
                />
              )}
              <Problem error={error} />
            </DialogContent>
            <DialogActions>
              <Button onClick={onClose}>Cancel</Button>
              <Button type="submit" appearance="primary" disabled={busy || form.id === ""}>
                Create
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}

function Credentials({
  form,
  change,
}: {
  readonly form: Form;
  readonly change: (part: Partial<Form>) => void;
}) {
  if (form.type === "certificateAuthority") {
    return (
      <p className="note">
        The client shows a certificate whose common name is its id, signed by a CA that is verified
        under Certificates.
      </p>
    );
  }
  const isSas = form.type === "sas";
  const noun = isSas ? "key" : "thumbprint";
  return (
    <>
      {isSas && (
        <Switch
          label="Let the hub make the keys"
          checked={!form.ownKeys}
          onChange={(_e, { checked }) => change({ ownKeys: !checked, primary: "", secondary: "" })}
        />
      )}
      {(!isSas || form.ownKeys) &&
        (["primary", "secondary"] as const).map((which) => (
          <Field
            key={which}
            label={`${which === "primary" ? "Primary" : "Secondary"} ${noun}`}
            required={which === "primary"}
            hint={
              isSas
                ? "Base64 of 16 to 64 bytes"
                : "SHA-1 (40 digits) or SHA-256 (64 digits), hexadecimal"
            }
          >
            <Input
              className="mono"
              value={form[which]}
              onChange={(_e, { value }) => change({ [which]: value })}
            />
          </Field>
        ))}
    </>
  );
}

function inputOf(form: Form, isDevice: boolean): IdentityInput {
  return {
    ...(isDevice ? { status: form.enabled ? "enabled" : "disabled" } : {}),
    authentication: authenticationOf(form),
  };
}

function authenticationOf({ type, primary, secondary }: Form): JsonObject {
  const first = primary.trim() === "" ? null : primary.trim();
  const second = secondary.trim() === "" ? null : secondary.trim();
  switch (type) {
    case "sas":
      return {
        type,
        symmetricKey: {
          primaryKey: first,
          secondaryKey: first === null ? null : (second ?? first),
        },
      };
    case "selfSigned":
      return { type, x509Thumbprint: { primaryThumbprint: first, secondaryThumbprint: second } };
    case "certificateAuthority":
    case "none":
      return { type };
  }
}
