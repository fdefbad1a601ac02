import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, memo, useEffect, useRef } from "react";

export interface VirtualColumn<T> {
  readonly name: string;
  /** A CSS grid track: `2fr`, `140px`. */
  readonly width: string;
  readonly render: (row: T) => ReactNode;
}

/** An array, or something that reads its rows when they are wanted. */
export interface Rows<T> {
  readonly length: number;
  /** `undefined` for a row that is not there yet. */
  readonly at: (index: number) => T | undefined;
}

const rowHeight = 42;

/** A table that draws only the rows in view, however many there are, and tells which they are. */
export function VirtualTable<T>(props: {
  readonly label: string;
  readonly rows: Rows<T>;
  /** The same array each time: a row is drawn again when it or the columns have changed. */
  readonly columns: readonly VirtualColumn<T>[];
  readonly rowKey: (row: T) => string;
  /** -1 if it is not known. */
  readonly total?: number;
  readonly onShow?: ((first: number, last: number) => void) | undefined;
  readonly footer?: ReactNode;
}) {
  const { rows, columns, onShow } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => onShow?.(first, last), [first, last, onShow]);
  const tracks = columns.map(({ width }) => width).join(" ");

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
              style={{ gridTemplateColumns: tracks }}
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
              const row = rows.at(index);
              return (
                <VirtualRow
                  key={row === undefined ? index : props.rowKey(row)}
                  row={row}
                  index={index}
                  start={start}
                  tracks={tracks}
                  columns={columns as readonly VirtualColumn<unknown>[]}
                />
              );
            })}
          </div>
        </div>
      </div>
      {props.footer}
    </div>
  );
}

interface RowProps {
  /** `undefined` while it is read again. */
  readonly row: unknown;
  readonly index: number;
  readonly start: number;
  /** The grid's columns. */
  readonly tracks: string;
  readonly columns: readonly VirtualColumn<unknown>[];
}

/** Scrolling draws only the rows that come into view. */
const VirtualRow = memo(function VirtualRow({ row, index, start, tracks, columns }: RowProps) {
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-busy={row === undefined}
      className="vrow"
      style={{ gridTemplateColumns: tracks, height: rowHeight, top: start }}
    >
      {columns.map(({ name, render }) => (
        <div role="cell" key={name}>
          {row === undefined ? "…" : render(row)}
        </div>
      ))}
    </div>
  );
});
