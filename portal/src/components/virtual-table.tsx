import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useRef } from "react";

export interface VirtualColumn<T> {
  readonly name: string;
  /** A CSS grid track: `2fr`, `140px`. */
  readonly width: string;
  readonly render: (row: T) => ReactNode;
}

const rowHeight = 42;

/** A table that draws only the rows in view, however many there are, and asks for more at its end. */
export function VirtualTable<T>(props: {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly VirtualColumn<T>[];
  readonly rowKey: (row: T) => string;
  /** -1 if it is not known. */
  readonly total?: number;
  readonly onEnd?: (() => void) | undefined;
  readonly footer?: ReactNode;
}) {
  const { rows, columns, onEnd } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= rows.length - 20) onEnd?.();
  }, [last, rows.length, onEnd]);
  const gridTemplateColumns = columns.map(({ width }) => width).join(" ");

  return (
    <div className="vtable">
      {/* Reachable by keyboard, so that it can be scrolled without a pointer. */}
      <div
        className="vtable-scroll"
        ref={scroller}
        tabIndex={0}
        role="region"
        aria-label={`${props.label}, scrollable`}
      >
        <div role="table" aria-label={props.label} aria-rowcount={props.total ?? rows.length + 1}>
          <div role="rowgroup">
            <div
              role="row"
              aria-rowindex={1}
              className="vrow vhead"
              style={{ gridTemplateColumns }}
            >
              {columns.map(({ name }) => (
                <div role="columnheader" key={name}>
                  {name}
                </div>
              ))}
            </div>
          </div>
          <div role="rowgroup" className="vbody" style={{ height: virtual.getTotalSize() }}>
            {items.map(({ index, start }) => {
              const row = rows[index];
              if (row === undefined) return null;
              return (
                <div
                  role="row"
                  aria-rowindex={index + 2}
                  className="vrow"
                  key={props.rowKey(row)}
                  style={{
                    gridTemplateColumns,
                    height: rowHeight,
                    transform: `translateY(${start}px)`,
                  }}
                >
                  {columns.map(({ name, render }) => (
                    <div role="cell" key={name}>
                      {render(row)}
                    </div>
                  ))}
                </div>
              );
            })}
          </div>
        </div>
      </div>
      {props.footer}
    </div>
  );
}
