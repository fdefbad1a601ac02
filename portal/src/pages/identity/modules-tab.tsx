import { Button } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useModules } from "../../api/identities.ts";
import { mayDo } from "../../api/session.ts";
import { Ago } from "../../components/ago.tsx";
import { Card, ConnectionDot, Empty, Loading } from "../../components/parts.tsx";
import { Problem } from "../../components/problem.tsx";
import { useSession } from "../../shell/session-context.ts";
import { CreateIdentity } from "./create-identity.tsx";
import { authenticationNames } from "./words.ts";

/** The modules of a device: at most fifty, so all at once. */
export function ModulesTab({ deviceId }: { readonly deviceId: string }) {
  const modules = useModules(deviceId);
  const session = useSession();
  const [creating, setCreating] = useState(false);
  return (
    <Card
      title="Modules"
      note="Each with keys, a twin and a connection of its own"
      actions={
        mayDo(session, "RegistryWrite") && (
          <Button icon={<AddRegular />} onClick={() => setCreating(true)}>
            Create a module
          </Button>
        )
      }
    >
      <Problem error={modules.error} />
      {modules.isPending && <Loading />}
      {modules.data?.length === 0 && <Empty title="This device has no modules" />}
      {modules.data !== undefined && modules.data.length > 0 && (
        <div className="table-scroll" tabIndex={0} role="region" aria-label="Modules, scrollable">
          <table className="table">
            <thead>
              <tr>
                <th>Module</th>
                <th>Connection</th>
                <th>Authentication</th>
                <th>Last activity</th>
              </tr>
            </thead>
            <tbody>
              {modules.data.map(
                ({ moduleId = "", connectionState, authentication, lastActivityTime }) => (
                  <tr key={moduleId}>
                    <td>
                      <Link
                        to="/devices/$deviceId/modules/$moduleId"
                        params={{ deviceId, moduleId }}
                        search={{ tab: undefined }}
                        className="link"
                      >
                        {moduleId}
                      </Link>
                    </td>
                    <td>
                      <ConnectionDot state={connectionState} />
                    </td>
                    <td>{authenticationNames[authentication.type]}</td>
                    <td>
                      <Ago time={lastActivityTime} />
                    </td>
                  </tr>
                ),
              )}
            </tbody>
          </table>
        </div>
      )}
      {creating && <CreateIdentity deviceId={deviceId} onClose={() => setCreating(false)} />}
    </Card>
  );
}
