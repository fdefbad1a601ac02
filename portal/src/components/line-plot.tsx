import { Suspense, lazy } from "react";
import type { LinePlotProps } from "./u-plot.tsx";

const UPlot = lazy(async () => ({ default: (await import("./u-plot.tsx")).LinePlot }));

/** A live plot, loaded when the first one is shown. */
export function LinePlot(props: LinePlotProps) {
  return (
    <Suspense fallback={<div className="plot" style={{ height: props.height ?? 200 }} />}>
      <UPlot {...props} />
    </Suspense>
  );
}
