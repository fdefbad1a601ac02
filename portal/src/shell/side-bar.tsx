import { Apps20Regular } from "@fluentui/react-icons/svg/apps";
import { ArrowSwap20Regular } from "@fluentui/react-icons/svg/arrow-swap";
import { Certificate20Regular } from "@fluentui/react-icons/svg/certificate";
import { Flow20Regular } from "@fluentui/react-icons/svg/flow";
import { History20Regular } from "@fluentui/react-icons/svg/history";
import { Target20Regular } from "@fluentui/react-icons/svg/target";
import { TaskListLtr20Regular } from "@fluentui/react-icons/svg/task-list-ltr";
import { Key20Regular } from "@fluentui/react-icons/svg/key";
import { DeveloperBoard20Regular } from "@fluentui/react-icons/svg/developer-board";
import { PeopleTeam20Regular } from "@fluentui/react-icons/svg/people-team";
import { PlugConnected20Regular } from "@fluentui/react-icons/svg/plug-connected";
import { Pulse20Regular } from "@fluentui/react-icons/svg/pulse";
import { Search20Regular } from "@fluentui/react-icons/svg/search";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

interface Entry {
  readonly to: string;
  readonly text: string;
  readonly icon: ReactNode;
}

const groups: readonly { readonly name: string; readonly entries: readonly Entry[] }[] = [
  {
    name: "",
    entries: [{ to: "/", text: "Overview", icon: <Apps20Regular /> }],
  },
  {
    name: "Fleet",
    entries: [
      { to: "/devices", text: "Devices", icon: <DeveloperBoard20Regular /> },
      { to: "/query", text: "Query", icon: <Search20Regular /> },
      { to: "/connections", text: "Connections", icon: <PlugConnected20Regular /> },
    ],
  },
  {
    name: "Operate",
    entries: [
      { to: "/telemetry", text: "Live telemetry", icon: <Pulse20Regular /> },
      { to: "/changes", text: "Changes", icon: <History20Regular /> },
      { to: "/jobs", text: "Jobs", icon: <TaskListLtr20Regular /> },
      { to: "/transfers", text: "Import and export", icon: <ArrowSwap20Regular /> },
      { to: "/configurations", text: "Configurations", icon: <Target20Regular /> },
      { to: "/routes", text: "Routes", icon: <Flow20Regular /> },
      { to: "/consumer-groups", text: "Consumer groups", icon: <PeopleTeam20Regular /> },
    ],
  },
  {
    name: "Security",
    entries: [
      { to: "/policies", text: "Access policies", icon: <Key20Regular /> },
      { to: "/certificates", text: "Certificates", icon: <Certificate20Regular /> },
    ],
  },
];

export function SideBar({ isOpen }: { readonly isOpen: boolean }) {
  return (
    <nav id="navigation" className={`side ${isOpen ? "open" : ""}`} aria-label="Main">
      {groups.map(({ name, entries }) => (
        <div key={name}>
          {name !== "" && <div className="side-group">{name}</div>}
          <ul className="side-list">
            {entries.map(({ to, text, icon }) => (
              <li key={to}>
                <Link to={to} className="side-link" activeOptions={{ exact: to === "/" }}>
                  {icon}
                  {text}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}
