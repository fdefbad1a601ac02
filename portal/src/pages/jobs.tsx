import { Button, Field, Input, ProgressBar, Select } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, get } from "../api/client.ts";
import { runQuery } from "../api/query.ts";
import { mayDo } from "../api/session.ts";
import { Ago } from "../components/ago.tsx";
import { FormDialog } from "../components/form-dialog.tsx";
import { JsonEditor } from "../components/json-editor.tsx";
import { Card, Empty, Loading, PageHead } from "../components/parts.tsx";
import { Problem } from "../components/problem.tsx";
import { type Column, Table } from "../components/table.tsx";
import { type JsonObject, jsonProblem } from "../lib/json.ts";
import { jobsRoute } from "../router.tsx";
import { useSession } from "../shell/session-context.ts";

interface Job {
  readonly jobId: string;
  readonly type: string;
  readonly status: string;
  readonly queryCondition?: string;
  readonly createdTime: string;
  readonly failureReason?: string;
  readonly deviceJobStatistics?: {
    readonly deviceCount: number;
    readonly succeededCount: number;
    readonly failedCount: number;
    readonly runningCount: number;
    readonly pendingCount: number;
  };
}

const listKey = ["jobs"] as const;
const ended = new Set(["completed", "failed", "cancelled"]);

/** Work on many devices: twin updates and direct methods. */
export function JobsPage() {
  const mayUse = mayDo(useSession(), "ServiceConnect");
  const jobs = useQuery({
    queryKey: listKey,
    queryFn: ({ signal }) => get<readonly Job[]>("/jobs/v2/query", signal),
    refetchInterval: 2_000,
    enabled: mayUse,
  });
  const [creating, setCreating] = useState(false);
  const { job: shown } = jobsRoute.useSearch();
  const navigate = jobsRoute.useNavigate();
  const setShown = (job: string): void => void navigate({ search: { job }, replace: true });
  return (
    <>
      <PageHead title="Jobs" sub="Twin updates and direct methods for many devices at once">
        {mayUse && (
          <Button appearance="primary" icon={<AddRegular />} onClick={() => setCreating(true)}>
            Create a job
          </Button>
        )}
      </PageHead>
      {!mayUse && <Empty title="This policy sees no jobs">It needs ServiceConnect.</Empty>}
      <Problem error={jobs.error} />
      {mayUse && jobs.isPending && <Loading />}
      {jobs.data?.length === 0 && <Empty title="There are no jobs yet" />}
      {jobs.data !== undefined && jobs.data.length > 0 && (
        <Card>
          <Table
            label="Jobs"
            rows={jobs.data}
            columns={columns(setShown)}
            rowKey={({ jobId }) => jobId}
          />
        </Card>
      )}
      {shown !== undefined && <JobRows jobId={shown} />}
      {creating && <CreateJob onClose={() => setCreating(false)} />}
    </>
  );
}

function columns(show: (jobId: string) => void): readonly Column<Job>[] {
  return [
    { name: "Job", render: ({ jobId }) => jobId },
    {
      name: "What",
      render: ({ type }) => (type === "scheduleDeviceMethod" ? "method" : "twin update"),
    },
    { name: "For", render: ({ queryCondition }) => <code>{queryCondition ?? "*"}</code> },
    {
      name: "State",
      render: ({ status, failureReason }) => (
        <span
          className={`dot ${status === "completed" ? "good" : status === "failed" ? "bad" : "busy"}`}
          title={failureReason}
        >
          {status}
        </span>
      ),
    },
    { name: "Progress", render: (job) => <Progress job={job} /> },
    { name: "Created", render: ({ createdTime }) => <Ago time={createdTime} /> },
    {
      name: "Actions",
      render: (job) => (
        <div className="row">
          <Button
            size="small"
            aria-label={`Results of ${job.jobId}`}
            onClick={() => show(job.jobId)}
          >
            Results
          </Button>
          {!ended.has(job.status) && <CancelJob jobId={job.jobId} />}
        </div>
      ),
    },
  ];
}

function Progress({ job }: { readonly job: Job }) {
  const counts = job.deviceJobStatistics;
  if (counts === undefined) return <span className="note">–</span>;
  const { deviceCount, succeededCount, failedCount } = counts;
  const done = succeededCount + failedCount;
  return (
    <div style={{ minWidth: 140 }}>
      <ProgressBar
        aria-label={`Progress of ${job.jobId}`}
        value={deviceCount === 0 ? 1 : done / deviceCount}
        color={failedCount > 0 ? "error" : "brand"}
      />
      <span className="note">
        {done} of {deviceCount}
        {failedCount > 0 ? `, ${failedCount} failed` : ""}
      </span>
    </div>
  );
}

function CancelJob({ jobId }: { readonly jobId: string }) {
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const cancel = async (): Promise<void> => {
    try {
      await call("POST", `/jobs/v2/${encodeURIComponent(jobId)}/cancel`);
      await queries.invalidateQueries({ queryKey: listKey });
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <>
      <Button size="small" aria-label={`Cancel ${jobId}`} onClick={() => void cancel()}>
        Cancel
      </Button>
      <Problem error={error} />
    </>
  );
}

/** Results that are shown. */
const shownRows = 200;

function JobRows({ jobId }: { readonly jobId: string }) {
  const rows = useQuery({
    queryKey: ["jobs", jobId, "rows"],
    queryFn: ({ signal }) =>
      runQuery(`SELECT * FROM devices.jobs WHERE jobId = '${jobId.replaceAll("'", "''")}'`, {
        top: shownRows,
        signal,
      }),
    refetchInterval: 2_000,
  });
  const cell = (name: string): Column<JsonObject> => ({
    name,
    render: (row) => {
      const value = row[name];
      if (value === undefined || value === null) return "–";
      return typeof value === "string" ? value : <code>{JSON.stringify(value)}</code>;
    },
  });
  return (
    <Card title={`Results of ${jobId}`} note={`the first ${shownRows}`}>
      <Problem error={rows.error} />
      {rows.data?.items.length === 0 && <Empty title="No results yet" />}
      {rows.data !== undefined && rows.data.items.length > 0 && (
        <Table
          label={`Results of ${jobId}`}
          rows={rows.data.items}
          columns={["deviceId", "moduleId", "status", "outcome", "error"].map(cell)}
          rowKey={({ deviceId, moduleId }) => JSON.stringify([deviceId, moduleId])}
        />
      )}
    </Card>
  );
}

const twinExample = '{\n  "properties": { "desired": { "intervalSeconds": 30 } }\n}';

function CreateJob({ onClose }: { readonly onClose: () => void }) {
  const queries = useQueryClient();
  const [type, setType] = useState("scheduleUpdateTwin");
  const [jobId, setJobId] = useState(
    () => `job-${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").toLowerCase()}`,
  );
  const [condition, setCondition] = useState("*");
  const [method, setMethod] = useState("");
  const [payload, setPayload] = useState(twinExample);
  const isMethod = type === "scheduleDeviceMethod";
  const save = async (): Promise<void> => {
    const value = JSON.parse(payload) as JsonObject;
    const work = isMethod
      ? {
          cloudToDeviceMethod: { methodName: method, payload: value, responseTimeoutInSeconds: 30 },
        }
      : { updateTwin: { ...value, etag: "*" } };
    await call("PUT", `/jobs/v2/${encodeURIComponent(jobId)}`, {
      body: { jobId, type, queryCondition: condition, ...work },
    });
    await queries.invalidateQueries({ queryKey: listKey });
  };
  return (
    <FormDialog
      title="Create a job"
      action="Create"
      ready={
        jobId !== "" &&
        condition !== "" &&
        (!isMethod || method !== "") &&
        payload.trim() !== "" &&
        jsonProblem(payload) === undefined
      }
      onSave={save}
      onClose={onClose}
      wide
    >
      <div className="row-end">
        <Field label="Job id" required className="grow">
          <Input value={jobId} onChange={(_event, { value }) => setJobId(value)} />
        </Field>
        <Field label="What" className="grow">
          <Select
            value={type}
            onChange={(_event, { value }) => {
              setType(value);
              setPayload(value === "scheduleDeviceMethod" ? "{}" : twinExample);
            }}
          >
            <option value="scheduleUpdateTwin">update twins</option>
            <option value="scheduleDeviceMethod">call a direct method</option>
          </Select>
        </Field>
      </div>
      <Field label="For which devices" hint="A condition of the query language; * for all">
        <Input
          className="mono"
          value={condition}
          onChange={(_event, { value }) => setCondition(value)}
        />
      </Field>
      {isMethod && (
        <Field label="Method" required>
          <Input value={method} onChange={(_event, { value }) => setMethod(value)} />
        </Field>
      )}
      <div>
        <div className="field-name">
          {isMethod ? "Payload" : "Patch of tags and desired properties"}
        </div>
        <JsonEditor
          label={isMethod ? "Payload" : "Patch"}
          value={payload}
          onChange={setPayload}
          height={160}
        />
      </div>
    </FormDialog>
  );
}
