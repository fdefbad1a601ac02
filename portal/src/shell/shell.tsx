import {
  Button,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  Tooltip,
} from "@fluentui/react-components";
import { NavigationRegular } from "@fluentui/react-icons/svg/navigation";
import { PersonKey20Regular } from "@fluentui/react-icons/svg/person-key";
import { SignOutRegular } from "@fluentui/react-icons/svg/sign-out";
import { WeatherMoonRegular } from "@fluentui/react-icons/svg/weather-moon";
import { WeatherSunnyRegular } from "@fluentui/react-icons/svg/weather-sunny";
import { Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { reachable } from "../api/client.ts";
import { signOut } from "../api/session.ts";
import { useStore } from "../lib/store.ts";
import { useTheme } from "../lib/use-theme.ts";
import { SideBar } from "./side-bar.tsx";
import { useSession } from "./session-context.ts";
import { Unreachable } from "./unreachable.tsx";

/** The frame of every page: bar, navigation, and the page itself. */
export function Shell() {
  const [open, setOpen] = useState(false);
  // Where one has arrived: on the way there the page before is still shown.
  const pathname = useRouterState({ select: ({ resolvedLocation }) => resolvedLocation?.pathname });
  const main = useRef<HTMLElement>(null);
  const isReachable = useStore(reachable);
  const arrived = useRef<string | undefined>(undefined);
  useEffect(() => {
    setOpen(false);
    // Whoever can't see the page change hears the new page's title.
    if (arrived.current !== undefined) {
      main.current?.querySelector("h1")?.focus({ preventScroll: true });
      main.current?.scrollTo(0, 0);
    }
    arrived.current = pathname;
  }, [pathname]);

  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <Bar onMenu={() => setOpen(!open)} isOpen={open} />
      <SideBar isOpen={open} />
      <button
        type="button"
        className={`drawer-shade ${open ? "open" : ""}`}
        aria-label="Close the navigation"
        tabIndex={open ? 0 : -1}
        onClick={() => setOpen(false)}
      />
      <main className="main" id="main" ref={main} tabIndex={-1}>
        {!isReachable && (
          <div className="alarm">
            <Unreachable />
          </div>
        )}
        <div className="content">
          <Outlet />
        </div>
      </main>
    </div>
  );
}

function Bar({ onMenu, isOpen }: { readonly onMenu: () => void; readonly isOpen: boolean }) {
  const session = useSession();
  const theme = useTheme();
  const isReachable = useStore(reachable);
  const themeLabel = theme.name === "dark" ? "Use the light theme" : "Use the dark theme";
  return (
    <header className="bar">
      <Button
        className="menu-button"
        appearance="subtle"
        icon={<NavigationRegular />}
        aria-label="Navigation"
        aria-expanded={isOpen}
        aria-controls="navigation"
        onClick={onMenu}
      />
      <a href="/portal/" className="brand" aria-label="twinhub">
        <img src="/portal/twinhub.svg" alt="" />
        <span className="word">twinhub</span>
      </a>
      <span className="hub-name">{session.hostName}</span>
      <span className="space" />
      <span className={`dot ${isReachable ? "good" : "bad"}`} role="status">
        {isReachable ? "Live" : "Unreachable"}
      </span>
      <Tooltip content={themeLabel} relationship="label">
        <Button
          appearance="subtle"
          icon={theme.name === "dark" ? <WeatherSunnyRegular /> : <WeatherMoonRegular />}
          onClick={theme.toggle}
        />
      </Tooltip>
      <Account />
    </header>
  );
}

function Account() {
  const session = useSession();
  const leave = async (): Promise<void> => {
    await signOut();
    // Nothing that was read stays behind.
    location.reload();
  };
  return (
    <Menu>
      <MenuTrigger disableButtonEnhancement>
        <Button
          className="account"
          appearance="subtle"
          icon={<PersonKey20Regular />}
          aria-label={`Signed in with the policy ${session.policy}`}
        >
          <span className="policy-name">{session.policy}</span>
        </Button>
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          <MenuItem icon={<SignOutRegular />} onClick={() => void leave()}>
            Sign out
          </MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
