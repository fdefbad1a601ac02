import {
  type BrandVariants,
  type Theme,
  createDarkTheme,
  createLightTheme,
} from "@fluentui/react-components";

/** Teal, in the luminances of Fluent's own blue, so that every contrast that Fluent has checked holds. */
const brand: BrandVariants = {
  10: "#021919",
  20: "#002626",
  30: "#003232",
  40: "#024040",
  50: "#004d4d",
  60: "#005c5c",
  70: "#016768",
  80: "#057777",
  90: "#009293",
  100: "#04acac",
  110: "#30b8b8",
  120: "#59c2c1",
  130: "#82cfce",
  140: "#a9dcdb",
  150: "#c9e8e7",
  160: "#e9f4f4",
};

const lightTheme: Theme = createLightTheme(brand);

const dark = createDarkTheme(brand);
/** On dark ground Fluent's foregrounds take a lighter brand colour. */
const darkTheme: Theme = {
  ...dark,
  colorBrandForeground1: brand[110],
  colorBrandForeground2: brand[120],
};

export type ThemeName = "light" | "dark";

export const themes: Record<ThemeName, Theme> = { light: lightTheme, dark: darkTheme };
