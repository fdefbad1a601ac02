import type { ThemeName } from "../theme.ts";
import { createStore, useStore } from "./store.ts";

const key = "twinhub.theme";
const preference = window.matchMedia("(prefers-color-scheme: dark)");

function stored(): ThemeName | undefined {
  const value = localStorage.getItem(key);
  return value === "light" || value === "dark" ? value : undefined;
}

function wanted(): ThemeName {
  return stored() ?? (preference.matches ? "dark" : "light");
}

const theme = createStore<ThemeName>(wanted());
preference.addEventListener("change", () => theme.set(wanted()));

/** The person's choice, or else what the operating system says. */
export function useTheme(): { name: ThemeName; toggle: () => void } {
  const name = useStore(theme);
  return {
    name,
    toggle() {
      const next = name === "dark" ? "light" : "dark";
      localStorage.setItem(key, next);
      theme.set(next);
    },
  };
}
