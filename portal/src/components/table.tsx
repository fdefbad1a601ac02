import type { ReactNode } from "react";

export interface Column<T> {
  readonly name: string;
  readonly render: (row: T) => ReactNode;
}

/** A short table; it scrolls to the side where it does not fit. */
export function Table<T>(props: {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly rowKey: (row: T) => string;
}) {
  return (
    <div
      className="table-scroll"
      tabIndex={0}
      role="region"
      aria-label={`${props.label}, scrollable`}
    >
      <table className="table" aria-label={props.label}>
        <thead>
          <tr>
            {props.columns.map(({ name }) => (
              <th key={name}>{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.rowKey(row)}>
              {props.columns.map(({ name, render }) => (
                <td key={name}>{render(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
