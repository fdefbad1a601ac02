import { Button } from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import {
  type DeadLetter,
  deadLettersShown,
  discardDeadLetter,
  discardDeadLetters,
  retryDeadLetter,
  retryDeadLetters,
  useDeadLetters,
} from "../../api/dead-letters.ts";
import { routingKey } from "../../api/routing.ts";
import { isOwner, mayDo } from "../../api/session.ts";
import { Ago } from "../../components/ago.tsx";
import { Confirm } from "../../components/confirm.tsx";
import { MessageDetail } from "../../components/message-detail.tsx";
import { Card, Empty, Loading, PageHead } from "../../components/parts.tsx";
import { Problem } from "../../components/problem.tsx";
import { type Column, Table } from "../../components/table.tsx";
import { useNotify } from "../../components/toasts.tsx";
import { deadLettersRoute } from "../../router.tsx";
import { useSession } from "../../shell/session-context.ts";

const reasons: Readonly<Record<DeadLetter["reason"], string>> = {
  deliveryCountExceeded: "refused too often",
  queueFull: "the queue was full",
};

/** Messages that an endpoint never accepted: what they are, why they failed, and what becomes of them. */
export function DeadLettersPage() {
  const { endpoint } = deadLettersRoute.useParams();
  const session = useSession();
  const owner = isOwner(session);
  const mayUse = mayDo(session, "ServiceConnect");
  const letters = useDeadLetters(endpoint, mayUse);
  const work = useWork(endpoint);
  const [shownId, setShown] = useState<string | undefined>();
  const [discarding, setDiscarding] = useState(false);
  const shown = letters.data?.find(({ id }) => id === shownId);
  const hasLetters = letters.data !== undefined && letters.data.length > 0;
  return (
    <>
      <PageHead
        title="Dead letters"
        sub={`Messages that the endpoint ${endpoint} never accepted`}
        crumbs={<Crumbs endpoint={endpoint} />}
      >
        {owner && hasLetters && (
          <>
            <Button
              appearance="primary"
              onClick={() =>
                void work.run(async () => {
                  const count = await retryDeadLetters(endpoint);
                  return `${count.toLocaleString("en")} sent again`;
                })
              }
            >
              Retry all
            </Button>
            <Button onClick={() => setDiscarding(true)}>Discard all</Button>
          </>
        )}
      </PageHead>
      {!mayUse && <Empty title="This policy sees no dead letters">It needs ServiceConnect.</Empty>}
      <Problem error={letters.error ?? work.error} />
      {mayUse && letters.isPending && <Loading />}
      {letters.data?.length === 0 && (
        <Empty title="There are no dead letters">Every message has been accepted, or waits.</Empty>
      )}
      {hasLetters && (
        <Card title="Oldest first" note={`at most ${deadLettersShown} are shown`}>
          <Table
            label="Dead letters"
            rows={letters.data}
            columns={columns({ owner, endpoint, show: setShown, run: work.run })}
            rowKey={({ id }) => id}
          />
        </Card>
      )}
      {shown !== undefined && <Detail letter={shown} />}
      {discarding && (
        <Confirm
          title={`Discard all dead letters of ${endpoint}?`}
          action="Discard"
          onConfirm={() =>
            work.reported(async () => {
              const count = await discardDeadLetters(endpoint);
              return `${count.toLocaleString("en")} discarded`;
            })
          }
          onClose={() => setDiscarding(false)}
        >
          Those that are not shown go too. The endpoint never gets them.
        </Confirm>
      )}
    </>
  );
}

type Run = (work: () => Promise<string>) => Promise<void>;

/** Does something, tells of it in the words that it gives, and reads everything again. */
function useWork(endpoint: string): {
  readonly error: unknown;
  /** Shows what goes wrong on the page. */
  readonly run: Run;
  /** Rejects with what goes wrong. */
  readonly reported: Run;
} {
  const queries = useQueryClient();
  const notify = useNotify();
  const [error, setError] = useState<unknown>();
  const reported: Run = async (work) => {
    try {
      notify(`${endpoint}: ${await work()}`);
    } finally {
      await queries.invalidateQueries({ queryKey: routingKey });
    }
  };
  const run: Run = (work) => reported(work).then(() => setError(undefined), setError);
  return { error, run, reported };
}

function Crumbs({ endpoint }: { readonly endpoint: string }) {
  return (
    <>
      <Link to="/routes" className="link">
        Routes
      </Link>
      <span aria-hidden="true">/</span>
      <span>{endpoint}</span>
    </>
  );
}

function columns(parts: {
  readonly owner: boolean;
  readonly endpoint: string;
  readonly show: (id: string) => void;
  readonly run: Run;
}): readonly Column<DeadLetter>[] {
  const { owner, endpoint, show, run } = parts;
  return [
    { name: "Given up", render: ({ deadLetteredTime }) => <Ago time={deadLetteredTime} /> },
    { name: "From", render: (letter) => <Sender {...letter} /> },
    { name: "Reason", render: ({ reason }) => reasons[reason] },
    { name: "Tries", render: ({ deliveryCount }) => deliveryCount },
    { name: "Last error", render: ({ error }) => error ?? "–" },
    { name: "Body", render: (letter) => <code>{preview(letter)}</code> },
    {
      name: "Actions",
      render: ({ id }) => (
        <div className="row">
          <Button size="small" aria-label={`Show ${id}`} onClick={() => show(id)}>
            Show
          </Button>
          {owner && (
            <>
              <Button
                size="small"
                aria-label={`Retry ${id}`}
                onClick={() =>
                  void run(async () => {
                    await retryDeadLetter(endpoint, id);
                    return `message ${id} is sent again`;
                  })
                }
              >
                Retry
              </Button>
              <Button
                size="small"
                aria-label={`Discard ${id}`}
                onClick={() =>
                  void run(async () => {
                    await discardDeadLetter(endpoint, id);
                    return `message ${id} discarded`;
                  })
                }
              >
                Discard
              </Button>
            </>
          )}
        </div>
      ),
    },
  ];
}

function Sender({ deviceId, moduleId }: DeadLetter) {
  return moduleId === undefined ? (
    <Link
      to="/devices/$deviceId"
      params={{ deviceId }}
      search={{ tab: undefined }}
      className="link"
    >
      {deviceId}
    </Link>
  ) : (
    <Link
      to="/devices/$deviceId/modules/$moduleId"
      params={{ deviceId, moduleId }}
      search={{ tab: undefined }}
      className="link"
    >
      {deviceId} / {moduleId}
    </Link>
  );
}

function Detail({ letter }: { readonly letter: DeadLetter }) {
  return (
    <Card title={`Message ${letter.id}`} note={letter.source}>
      <MessageDetail
        message={letter}
        more={[["enqueued", <Ago key="t" time={letter.enqueuedTime} />]]}
      />
    </Card>
  );
}

/** Characters of a body in the table. */
const previewLength = 80;

function preview({ body, bodyEncoding }: DeadLetter): string {
  const text = bodyEncoding !== "json" && typeof body === "string" ? body : JSON.stringify(body);
  return text.length > previewLength ? `${text.slice(0, previewLength)}…` : text;
}
