import { Button, Spinner } from "@fluentui/react-components";
import { PlayRegular } from "@fluentui/react-icons/svg/play";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { runQuery } from "../api/query.ts";
import { JsonEditor } from "../components/json-editor.tsx";
import { Card, Empty, PageHead } from "../components/parts.tsx";
import { Problem } from "../components/problem.tsx";
import { CopyButton } from "../components/secret.tsx";
import { VirtualTable } from "../components/virtual-table.tsx";
import { type JsonObject, pretty } from "../lib/json.ts";
import { queryRoute } from "../router.tsx";

const examples = [
  "SELECT * FROM devices",
  "SELECT * FROM devices.modules WHERE connectionState = 'Connected'",
  "SELECT deviceId, moduleId, properties.reported FROM devices.modules",
  "SELECT status, COUNT() AS n FROM devices GROUP BY status",
];

const pageSize = 100;

/** Queries over twins in IoT Hub's language; the query stands in the address. */
export function QueryPage() {
  const { q, view } = queryRoute.useSearch();
  const navigate = queryRoute.useNavigate();
  const [text, setText] = useState(q ?? examples[0] ?? "");
  const [run, setRun] = useState(0);
  const ask = (query: string): void => {
    setText(query);
    setRun((count) => count + 1);
    void navigate({ search: { q: query, view } });
  };
  return (
    <>
      <PageHead
        title="Query"
        sub="Twins of devices and modules, in IoT Hub's query language; what you read is current"
      />
      <Card>
        <div className="stack">
          <JsonEditor
            label="Query"
            value={text}
            onChange={setText}
            onSubmit={() => ask(text)}
            plain
            height={110}
          />
          <div className="row">
            <Button appearance="primary" icon={<PlayRegular />} onClick={() => ask(text)}>
              Run
            </Button>
            <span className="note">or Ctrl+Enter. For example:</span>
            {examples.map((example) => (
              <Button
                key={example}
                size="small"
                appearance="subtle"
                className="mono"
                onClick={() => ask(example)}
              >
                {example}
              </Button>
            ))}
          </div>
        </div>
      </Card>
      {q !== undefined && <Results key={`${q} ${run}`} query={q} />}
    </>
  );
}

function Results({ query }: { readonly query: string }) {
  const asJson = queryRoute.useSearch().view === "json";
  const navigate = queryRoute.useNavigate();
  const show = (view: "json" | undefined): void =>
    void navigate({ search: (before) => ({ ...before, view }), replace: true });
  const pages = useInfiniteQuery({
    queryKey: ["query", query],
    queryFn: ({ pageParam, signal }) =>
      runQuery(query, { continuation: pageParam, top: pageSize, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.continuation,
    refetchOnWindowFocus: false,
  });
  const { data } = pages;
  const rows = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  if (pages.error !== null) return <Problem error={pages.error} />;
  if (pages.isPending) return <Spinner label="Running" />;
  if (rows.length === 0) return <Empty title="No result" />;
  return (
    <Card
      title="Result"
      note={`${rows.length}${pages.hasNextPage ? " so far" : ""} ${pages.data.pages[0]?.itemType.toLowerCase() === "twin" ? "twins" : "rows"}`}
      actions={
        <>
          <Button onClick={() => show(asJson ? undefined : "json")}>
            {asJson ? "As a table" : "As JSON"}
          </Button>
          <CopyButton text={pretty(rows)} label="the result as JSON" />
        </>
      }
    >
      {asJson ? (
        <JsonEditor label="Result" value={pretty(rows)} readOnly height={460} />
      ) : (
        <ResultTable rows={rows} />
      )}
      {pages.hasNextPage && (
        <Button disabled={pages.isFetching} onClick={() => void pages.fetchNextPage()}>
          More
        </Button>
      )}
    </Card>
  );
}

/** Columns of a twin that say the most. */
const twinColumns = ["deviceId", "moduleId", "connectionState", "status", "version", "tags"];
const maxColumns = 8;

interface NumberedRow {
  readonly index: number;
  readonly row: JsonObject;
}

function ResultTable({ rows }: { readonly rows: readonly JsonObject[] }) {
  const names = columnNames(rows).join("\n");
  const columns = useMemo(
    () =>
      names.split("\n").map((name) => ({
        name,
        width: "minmax(140px, 1fr)",
        render: ({ row }: NumberedRow) => <Cell name={name} row={row} />,
      })),
    [names],
  );
  const numbered = useMemo(() => rows.map((row, index) => ({ index, row })), [rows]);
  return (
    <VirtualTable
      label="Result"
      rows={numbered}
      columns={columns}
      rowKey={({ index }) => String(index)}
    />
  );
}

function columnNames(rows: readonly JsonObject[]): readonly string[] {
  const [first = {}] = rows;
  if ("properties" in first && "etag" in first) return twinColumns.filter((name) => name in first);
  return [...new Set(rows.slice(0, 50).flatMap((row) => Object.keys(row)))].slice(0, maxColumns);
}

function Cell({ name, row }: { readonly name: string; readonly row: JsonObject }) {
  const value = row[name];
  const { deviceId, moduleId } = row;
  if (name === "deviceId" && typeof deviceId === "string") {
    return (
      <Link
        to="/devices/$deviceId"
        params={{ deviceId }}
        search={{ tab: undefined }}
        className="link"
      >
        {deviceId}
      </Link>
    );
  }
  if (name === "moduleId" && typeof moduleId === "string" && typeof deviceId === "string") {
    return (
      <Link
        to="/devices/$deviceId/modules/$moduleId"
        params={{ deviceId, moduleId }}
        search={{ tab: undefined }}
        className="link"
      >
        {moduleId}
      </Link>
    );
  }
  if (value === undefined || value === null) return <span className="note">–</span>;
  if (typeof value === "object") {
    const text = JSON.stringify(value);
    return <code title={text}>{text}</code>;
  }
  return <span>{String(value)}</span>;
}
