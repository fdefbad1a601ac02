// What runs inside the portal's page to measure it: scripts as text, because these sources have no DOM.

/** Remembers when the first row of a table was there, and all long tasks and slow inputs. */
export const WATCH = `(() => {
  const watch = { firstRow: 0, longTasks: [], inputs: [] };
  globalThis.__watch = watch;
  const look = () => {
    if (document.querySelector(".vbody .vrow a") === null) return requestAnimationFrame(look);
    watch.firstRow = performance.now();
  };
  requestAnimationFrame(look);
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) watch.longTasks.push(duration);
  }).observe({ type: "longtask" });
  new PerformanceObserver((list) => {
    for (const { name, duration, startTime, processingStart } of list.getEntries())
      if (/^(key(down|up|press)|beforeinput|input|click|pointer(down|up))$/.test(name))
        watch.inputs.push({ duration, delay: processingStart - startTime });
  }).observe({ type: "event", durationThreshold: 16 });
})()`;

export const RESET = `(() => { __watch.longTasks.length = 0; __watch.inputs.length = 0; })()`;

/**
 * Scrolls the table row by row in each frame, until \`rows\` of them have passed.
 *
 * @param {number} rows
 * @param {number} pixels a frame
 */
export const scroll = (rows, pixels) => `new Promise((resolve) => {
  const box = document.querySelector(".vtable-scroll");
  const frames = [];
  let blank = 0, busy = 0, most = 0, waited = 0, last = performance.now();
  const end = box.scrollTop + ${rows} * 42;
  const step = () => {
    const now = performance.now();
    frames.push(now - last);
    last = now;
    const shown = [...box.querySelectorAll(".vbody .vrow")];
    most = Math.max(most, box.querySelectorAll("*").length);
    const { top, bottom } = box.getBoundingClientRect();
    let covered = 0;
    for (const row of shown) {
      const at = row.getBoundingClientRect();
      const seen = Math.max(0, Math.min(at.bottom, bottom) - Math.max(at.top, top + 36));
      covered += seen;
      if (seen > 0 && row.getAttribute("aria-busy") === "true") busy += 1;
    }
    if (covered < bottom - top - 36 - 45) blank += 1;
    const before = box.scrollTop;
    box.scrollTop = before + ${pixels};
    if (box.scrollTop === before) waited += 1;
    if (box.scrollTop >= end || waited > 3000) resolve({ frames, blank, busy, most, waited, at: box.scrollTop / 42 });
    else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})`;

/** The times between frames for some milliseconds. @param {number} ms */
export const frames = (ms) => `new Promise((resolve) => {
  const frames = [];
  const began = performance.now();
  let last = began;
  const step = () => {
    const now = performance.now();
    frames.push(now - last);
    last = now;
    if (now - began > ${ms}) resolve({ frames });
    else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})`;
