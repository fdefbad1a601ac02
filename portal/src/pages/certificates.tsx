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
  Textarea,
} from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, get } from "../api/client.ts";
import { isOwner } from "../api/session.ts";
import { Confirm } from "../components/confirm.tsx";
import { Card, Empty, Facts, Loading, PageHead } from "../components/parts.tsx";
import { Problem } from "../components/problem.tsx";
import { CopyButton } from "../components/secret.tsx";
import { useNotify } from "../components/toasts.tsx";
import { fullTime } from "../lib/time.ts";
import { useSession } from "../shell/session-context.ts";

interface Certificate {
  readonly name: string;
  readonly etag: string;
  readonly properties: {
    readonly subject: string;
    readonly expiry: string;
    readonly thumbprint: string;
    readonly isVerified: boolean;
    readonly verificationCode?: string;
  };
}

const listKey = ["certificates"] as const;

function pathOf(name: string): string {
  return `/$hub/certificates/${encodeURIComponent(name)}`;
}

/** CAs whose devices and modules the hub accepts. */
export function CertificatesPage() {
  const owner = isOwner(useSession());
  const list = useQuery({
    queryKey: listKey,
    queryFn: ({ signal }) => get<readonly Certificate[]>("/$hub/certificates", signal),
    enabled: owner,
  });
  const [adding, setAdding] = useState(false);
  return (
    <>
      <PageHead
        title="Certificates"
        sub="Certificate authorities of devices and modules that authenticate with X.509"
      >
        {owner && (
          <Button appearance="primary" icon={<AddRegular />} onClick={() => setAdding(true)}>
            Add a CA
          </Button>
        )}
      </PageHead>
      {!owner && <Empty title="Only owners see the certificates" />}
      <Problem error={list.error} />
      {owner && list.isPending && <Loading />}
      {list.data?.length === 0 && (
        <Empty title="There is no CA yet">
          Add one to let its devices connect without registering each thumbprint.
        </Empty>
      )}
      <div className="grid">
        {list.data?.map((certificate) => (
          <CertificateCard key={certificate.name} certificate={certificate} />
        ))}
      </div>
      {adding && <AddCertificate onClose={() => setAdding(false)} />}
    </>
  );
}

function CertificateCard({ certificate }: { readonly certificate: Certificate }) {
  const { name, etag, properties } = certificate;
  const queries = useQueryClient();
  const notify = useNotify();
  const [asking, setAsking] = useState<"delete" | "verify" | undefined>();
  const [error, setError] = useState<unknown>();
  const reload = () => queries.invalidateQueries({ queryKey: listKey });
  const makeCode = async (): Promise<void> => {
    try {
      await call("POST", `${pathOf(name)}/generateVerificationCode`, { ifMatch: etag });
      await reload();
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <Card
      className="span-6"
      title={name}
      note={
        <Badge appearance="tint" color={properties.isVerified ? "success" : "warning"}>
          {properties.isVerified ? "verified" : "not verified: accepted for nobody"}
        </Badge>
      }
    >
      <div className="stack">
        <Facts
          items={[
            ["Common name", properties.subject],
            ["Valid until", fullTime(properties.expiry)],
            ["Thumbprint", <code key="t">{properties.thumbprint}</code>],
            ...(properties.verificationCode === undefined
              ? []
              : ([
                  [
                    "Verification code",
                    <span key="v" className="row">
                      <code>{properties.verificationCode}</code>
                      <CopyButton
                        text={properties.verificationCode}
                        label="the verification code"
                      />
                    </span>,
                  ],
                ] as const)),
          ]}
        />
        <Problem error={error} />
        <div className="row">
          {!properties.isVerified && (
            <>
              <Button onClick={() => void makeCode()}>Make a verification code</Button>
              <Button
                disabled={properties.verificationCode === undefined}
                onClick={() => setAsking("verify")}
              >
                Prove possession
              </Button>
            </>
          )}
          <Button onClick={() => setAsking("delete")}>Delete</Button>
        </div>
      </div>
      {asking === "verify" && (
        <Verify certificate={certificate} onClose={() => setAsking(undefined)} />
      )}
      {asking === "delete" && (
        <Confirm
          title={`Delete the CA ${name}?`}
          action="Delete"
          type={name}
          onConfirm={async () => {
            await call("DELETE", pathOf(name), { ifMatch: etag });
            notify(`Deleted the CA ${name}`);
            await reload();
          }}
          onClose={() => setAsking(undefined)}
        >
          Its devices and modules can&apos;t connect any more.
        </Confirm>
      )}
    </Card>
  );
}

function AddCertificate({ onClose }: { readonly onClose: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [certificate, setCertificate] = useState("");
  const [isVerified, setVerified] = useState(false);
  return (
    <PemDialog
      title="Add a CA"
      action="Add"
      pem={certificate}
      onPem={setCertificate}
      ready={name !== "" && certificate !== ""}
      onSave={async () => {
        await call("PUT", pathOf(name), { body: { certificate, isVerified } });
        await queries.invalidateQueries({ queryKey: listKey });
      }}
      onClose={onClose}
    >
      <Field label="Name" required>
        <Input value={name} autoFocus onChange={(_event, { value }) => setName(value)} />
      </Field>
      <Checkbox
        label="I vouch for it: no proof of possession is needed"
        checked={isVerified}
        onChange={(_event, { checked }) => setVerified(checked === true)}
      />
    </PemDialog>
  );
}

function Verify(props: { readonly certificate: Certificate; readonly onClose: () => void }) {
  const { name, etag, properties } = props.certificate;
  const queries = useQueryClient();
  const [proof, setProof] = useState("");
  return (
    <PemDialog
      title="Prove possession"
      action="Verify"
      pem={proof}
      onPem={setProof}
      ready={proof !== ""}
      onSave={async () => {
        await call("POST", `${pathOf(name)}/verify`, {
          body: { certificate: proof },
          ifMatch: etag,
        });
        await queries.invalidateQueries({ queryKey: listKey });
      }}
      onClose={props.onClose}
    >
      <p>
        A certificate that this CA has signed, with the common name{" "}
        <code>{properties.verificationCode}</code>.
      </p>
    </PemDialog>
  );
}

function PemDialog(props: {
  readonly title: string;
  readonly action: string;
  readonly pem: string;
  readonly onPem: (pem: string) => void;
  readonly ready: boolean;
  readonly onSave: () => Promise<void>;
  readonly onClose: () => void;
  readonly children: React.ReactNode;
}) {
  const [error, setError] = useState<unknown>();
  const save = async (): Promise<void> => {
    try {
      await props.onSave();
      props.onClose();
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <Dialog open onOpenChange={(_event, { open }) => open || props.onClose()}>
      <DialogSurface>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <DialogBody>
            <DialogTitle>{props.title}</DialogTitle>
            <DialogContent className="stack">
              {props.children}
              <Field label="Certificate (PEM)" required>
                <Textarea
                  className="mono"
                  rows={8}
                  value={props.pem}
                  placeholder="-----BEGIN CERTIFICATE-----"
                  onChange={(_event, { value }) => props.onPem(value)}
                />
              </Field>
              <Problem error={error} />
            </DialogContent>
            <DialogActions>
              <Button onClick={props.onClose}>Cancel</Button>
              <Button type="submit" appearance="primary" disabled={!props.ready}>
                {props.action}
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}
